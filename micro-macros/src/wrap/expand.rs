//! What a wrap becomes: a function of the app, and the record that names it.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::ext::IdentExt;

use crate::signature::{self, Source, first_span, inner_span};
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
                ) -> #private::BoxFuture<'__a, #private::Result<#private::Reply>> {
                    ::std::boxed::Box::pin(async move { #body })
                }

                #private::submit! {
                    LINKED_WRAPS: LinkedWrap = #private::LinkedWrap {
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
        let (makes, passes): (Vec<_>, Vec<_>) = self
            .injected
            .iter()
            .enumerate()
            .map(|(index, parameter)| parameter.inject(index, private, Source::App))
            .unzip();
        let call = quote_spanned!(first_span(call)=> #private::wrapped_call::<#call>);
        let next = quote_spanned!(first_span(next)=> #private::wrapped_next::<#next>);
        let running = quote_spanned!(ident.span()=> #private::sendable(
            #ident(#(#passes,)* #call(__call), #next(__next))
        ));
        let finish = quote_spanned!(inner_span(result)=> #private::finish_wrap::<#result>);
        quote! {
            #(#makes)*
            #finish(#running.await)
        }
    }
}
