//! The link-time record of a service's methods, or the impl of `Service` for a generic service.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::{Generics, Type};

use crate::signature::{self, at, first_span};

/// The methods of an `impl` block or function.
pub(crate) enum Methods {
    /// Methods of the service itself: its `ServiceInfo`, and an expression of type `Vec<Method>`.
    Own {
        info: TokenStream,
        table: TokenStream,
    },
    /// Methods of a contract: an expression of type `Contract`.
    Contract(TokenStream),
}

/// The table of methods of one `impl` block or function.
pub(crate) struct Table<'a> {
    pub(crate) private: &'a TokenStream,
    /// The type of the service.
    pub(crate) service: &'a Type,
    pub(crate) methods: Methods,
}

impl Table<'_> {
    /// Returns the record that is collected at link time.
    pub(crate) fn submit(&self) -> TokenStream {
        let Self {
            private, service, ..
        } = self;
        let location = signature::location(private, Span::call_site());
        let span = first_span(service);
        let there = at(span, private);
        let is_service = quote_spanned!(span=> #there::is_service::<#service>());
        let (before, contract, methods) = match &self.methods {
            Methods::Own { table, .. } => {
                (None, quote!(::core::option::Option::None), table.clone())
            }
            Methods::Contract(found) => (
                Some(quote!(const __CONTRACT: #private::Contract = #found;)),
                quote!(::core::option::Option::Some(__CONTRACT.info)),
                quote!((__CONTRACT.methods)()),
            ),
        };
        quote! {
            const _: () = {
                #before

                #[allow(deprecated)]
                fn __methods() -> ::std::vec::Vec<#private::Method> {
                    #is_service;
                    #methods
                }

                #private::submit! {
                    [#private::LINKED_METHODS] #private::LinkedMethods = #private::LinkedMethods {
                        type_id: ::core::any::TypeId::of::<#service>,
                        contract: #contract,
                        methods: __methods,
                        location: #location,
                    }
                }
            };
        }
    }

    /// Returns the impl of `Service` for a generic service, which cannot be collected at link time.
    pub(crate) fn implement(&self, generics: &Generics) -> TokenStream {
        let Self {
            private, service, ..
        } = self;
        let (parameters, _, clause) = generics.split_for_impl();
        let bounds = clause
            .map(|clause| clause.predicates.iter())
            .into_iter()
            .flatten();
        let served = match &self.methods {
            Methods::Own { info, table } => {
                quote!(#private::Served::new(#info).methods(#table))
            }
            Methods::Contract(found) => quote!(#private::Contract::served(#found)),
        };
        quote! {
            #[allow(deprecated)]
            #[automatically_derived]
            impl #parameters #private::Service for #service
            where
                #(#bounds,)*
                #service: ::core::marker::Send + ::core::marker::Sync + 'static,
            {
                fn served() -> ::std::vec::Vec<#private::Served> {
                    ::std::vec::Vec::from([#served])
                }
            }
        }
    }
}
