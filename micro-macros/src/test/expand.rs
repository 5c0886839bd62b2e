//! What a test becomes: a `#[test]` that runs the function within a started app.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::Path;

use crate::signature::{self, Source};
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
        let (makes, passes): (Vec<_>, Vec<_>) = self
            .injected
            .iter()
            .enumerate()
            .map(|(index, parameter)| parameter.inject(index, private, Source::App))
            .unzip();
        let services = keys.services.iter().map(|service| {
            let linked = quote_spanned!(path_span(service)=> linked_service);
            quote!(.#linked::<#service>())
        });
        let linked = keys.linked.then(|| quote!(.linked()));
        let visibility = &function.visibility;
        let running = quote!(#ident(#(#passes),*).await);
        let outcome = match signature::output(&function.signature) {
            Some(result) => signature::finish(private, "finish_hook", &result, &running),
            None => quote!(#running; #private::Result::Ok(())),
        };
        quote! {
            #(#attributes)*
            #[::core::prelude::v1::test]
            #visibility fn #ident() {
                #function

                #private::test(
                    |__builder| __builder #linked #(#services)*,
                    |__app| async move {
                        let __app: &#private::Resources = &__app;
                        #(#makes)*
                        #outcome
                    },
                )
            }
        }
    }
}

fn path_span(path: &Path) -> Span {
    path.segments
        .last()
        .map_or_else(Span::call_site, |last| last.ident.span())
}
