//! The expansion of a test: a `#[test]` that runs the function within a started app.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};

use syn::spanned::Spanned;

use crate::inject::Injected;
use crate::signature::{self, path_span};
use crate::test::model::Test;

impl Test {
    pub(super) fn expand(&self) -> TokenStream {
        let Self {
            function,
            attributes,
            keys,
            ..
        } = self;
        let (private, ident) = (&keys.private, &function.signature.ident);
        let Injected { makes, passes } = Injected::of_app(private, &self.injected);
        let services = keys.services.iter().map(|service| {
            let linked = quote_spanned!(path_span(service)=> linked_service);
            quote!(.#linked::<#service>())
        });
        let linked = keys.linked.then(|| quote!(.linked()));
        let builder = quote!(__builder #linked #(#services)*);
        let builder = match &keys.app {
            Some(app) => quote_spanned!(app.span()=> #private::configured_test(#builder, #app)),
            None => builder,
        };
        let visibility = &function.visibility;
        let running = quote!(#ident(#(#passes),*).await);
        let result = signature::output(&function.signature);
        let outcome = signature::finish_hook(private, result.as_ref(), &running);
        quote! {
            #(#attributes)*
            #[::core::prelude::v1::test]
            #visibility fn #ident() {
                #function

                #private::test(
                    |__builder| #builder,
                    |__app| async move {
                        let __app: &#private::Resources = &__app;
                        #makes
                        #outcome
                    },
                )
            }
        }
    }
}
