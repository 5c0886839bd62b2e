//! What a hook becomes: a function of the app, and the record that names it.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote};
use syn::ext::IdentExt;

use crate::on::model::Hook;
use crate::signature::{self, Source};

impl Hook {
    pub(super) fn expand(&self) -> TokenStream {
        let Self {
            ident,
            cfgs,
            private,
            ..
        } = self;
        let (body, name) = (self.body(), ident.unraw().to_string());
        let moment = format_ident!("{}", self.moment);
        let location = signature::location(private, Span::call_site());
        quote! {
            #(#cfgs)*
            #[allow(deprecated)]
            const _: () = {
                fn __call<'__a>(
                    __app: &'__a #private::Resources,
                ) -> #private::BoxFuture<'__a, #private::Result<()>> {
                    ::std::boxed::Box::pin(async move { #body })
                }

                #private::submit! {
                    LINKED_HOOKS: LinkedHook = #private::LinkedHook {
                        name: #name,
                        on: #private::Moment::#moment,
                        call: __call,
                        location: #location,
                    }
                }
            };
        }
    }

    fn body(&self) -> TokenStream {
        let (ident, private) = (&self.ident, &self.private);
        let (makes, passes): (Vec<_>, Vec<_>) = self
            .injected
            .iter()
            .enumerate()
            .map(|(index, parameter)| parameter.inject(index, private, Source::App))
            .unzip();
        let running = signature::sendable(private, ident, &quote!(#ident), &passes);
        let finish = match &self.result {
            Some(result) => signature::finish(private, "finish_hook", result, &running),
            None => quote!(#running; #private::Result::Ok(())),
        };
        quote!(#(#makes)* #finish)
    }
}
