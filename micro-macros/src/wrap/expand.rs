//! The expansion of a wrap: a function that the app calls and its link-time record.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::Type;
use syn::ext::IdentExt;

use crate::inject::Injected;
use crate::signature::{self, at, first_span};
use crate::wrap::model::Wrap;

impl Wrap {
    pub(super) fn expand(&self) -> TokenStream {
        let Self {
            ident, cfgs, keys, ..
        } = self;
        let private = &keys.private;
        let (body, name) = (self.body(), ident.unraw().to_string());
        let on = format_ident!("{}", keys.on);
        let order = keys
            .order
            .as_ref()
            .map_or_else(|| quote!(0), |order| quote!(#order));
        let option = |text: &Option<syn::LitStr>| match text {
            Some(text) => quote!(::core::option::Option::Some(#text)),
            None => quote!(::core::option::Option::None),
        };
        let (service, method) = (option(&keys.service), option(&keys.method));
        let location = signature::location(private, Span::call_site());
        quote! {
            #(#cfgs)*
            #[allow(deprecated)]
            const _: () = {
                fn __call<'__a>(
                    __app: &'__a #private::Resources,
                    __call: #private::Call,
                    __next: #private::Next<'__a>,
                ) -> #private::BoxFuture<'__a, #private::Result<#private::Response>> {
                    ::std::boxed::Box::pin(async move { #body })
                }

                #private::submit! {
                    [#private::LINKED_WRAPS] #private::LinkedWrap = #private::LinkedWrap {
                        name: #name,
                        order: #order,
                        on: #private::On::#on,
                        service: #service,
                        method: #method,
                        call: __call,
                        location: #location,
                    }
                }
            };
        }
    }

    fn body(&self) -> TokenStream {
        let Self {
            ident,
            call,
            next,
            result,
            ..
        } = self;
        let private = &self.keys.private;
        let Injected { makes, mut passes } = Injected::of_app(private, &self.injected);
        let convert = |getter: &str, ty: &Type, value: TokenStream| {
            let span = first_span(ty);
            let (private, getter) = (at(span, private), Ident::new(getter, span));
            quote_spanned!(span=> #private::#getter::<#ty>(#value))
        };
        passes.push(convert("wrapped_call", call, quote!(__call)));
        passes.push(convert("wrapped_next", next, quote!(__next)));
        let running = signature::sendable(private, ident, &quote!(#ident), &passes);
        let finish = signature::finish(private, "finish_wrap", result, &running);
        quote!(#makes #finish)
    }
}
