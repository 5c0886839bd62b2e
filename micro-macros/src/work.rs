//! A free function that the app runs: a hook (`#[micro::on]`) or a periodic function
//! (`#[micro::every]`).

use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;
use syn::ext::IdentExt;
use syn::{Attribute, Type};

use crate::diag::Mistakes;
use crate::function::{self, Function};
use crate::inject::{self, Injected, Parameter};
use crate::signature;

/// A checked function whose parameters are all injected by the app.
pub(crate) struct Work {
    ident: Ident,
    cfgs: Vec<Attribute>,
    private: TokenStream,
    injected: Vec<Parameter>,
    /// The declared result; `None` if the function cannot fail.
    result: Option<Type>,
}

impl Work {
    /// Checks a function. `what` names it in errors, such as "a hook".
    pub(crate) fn new(
        function: &Function,
        private: TokenStream,
        what: &str,
        mistakes: &mut Mistakes,
    ) -> Self {
        let signature = &function.signature;
        signature::check_free(function, what, mistakes);
        Self {
            ident: signature.ident.clone(),
            cfgs: function::cfgs(&function.attributes),
            private,
            injected: inject::parameters(signature, mistakes),
            result: signature::output(signature),
        }
    }

    /// Returns the function that the app calls and its record in a link-time table. `when` is the
    /// record's field for the time of the run, without a trailing comma.
    pub(crate) fn record(
        &self,
        table: &TokenStream,
        record: &TokenStream,
        when: &TokenStream,
    ) -> TokenStream {
        let Self {
            ident,
            cfgs,
            private,
            ..
        } = self;
        let (body, name) = (self.body(), ident.unraw().to_string());
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
                    [#private::#table] #private::#record = #private::#record {
                        name: #name,
                        #when,
                        call: __call,
                        location: #location,
                    }
                }
            };
        }
    }

    fn body(&self) -> TokenStream {
        let (ident, private) = (&self.ident, &self.private);
        let Injected { makes, passes } = Injected::of_app(private, &self.injected);
        let running = signature::sendable(private, ident, &quote!(#ident), &passes);
        let finish = signature::finish_hook(private, self.result.as_ref(), &running);
        quote!(#makes #finish)
    }
}
