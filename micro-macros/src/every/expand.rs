//! What periodic work becomes: a function of the app, and the record that names it.

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::ext::IdentExt;

use crate::every::model::Every;
use crate::signature::{self, Source};

impl Every {
    pub(super) fn expand(&self) -> TokenStream {
        let Self {
            ident,
            cfgs,
            private,
            ..
        } = self;
        let (body, name) = (self.body(), ident.unraw().to_string());
        let (seconds, nanos) = (self.period.as_secs(), self.period.subsec_nanos());
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
                    LINKED_EVERYS: LinkedEvery = #private::LinkedEvery {
                        name: #name,
                        period: ::core::time::Duration::new(#seconds, #nanos),
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
