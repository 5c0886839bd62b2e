//! The record of a service's methods, or for a generic service the code that says them.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::{Generics, Type};

use crate::signature::{self, first_span};

/// The methods of one block or function.
pub(crate) struct Table<'a> {
    pub(crate) private: &'a TokenStream,
    /// The type whose methods they are.
    pub(crate) service: &'a Type,
    /// The names of the service or of the contract.
    pub(crate) info: TokenStream,
    pub(crate) is_contract: bool,
    /// An expression of type `Vec<Method>`.
    pub(crate) methods: TokenStream,
}

impl Table<'_> {
    /// The record that the linker collects.
    pub(crate) fn submit(&self) -> TokenStream {
        let Self {
            private,
            service,
            info,
            methods,
            ..
        } = self;
        let location = signature::location(private, Span::call_site());
        let is_service = quote_spanned!(first_span(service)=> #private::is_service::<#service>());
        let contract = if self.is_contract {
            quote!(::core::option::Option::Some(#info))
        } else {
            quote!(::core::option::Option::None)
        };
        quote! {
            const _: () = {
                #[allow(deprecated)]
                fn __methods() -> ::std::vec::Vec<#private::Method> {
                    #is_service;
                    #methods
                }

                #private::submit! {
                    LINKED_METHODS: LinkedMethods = #private::LinkedMethods {
                        type_id: ::core::any::TypeId::of::<#service>,
                        contract: #contract,
                        methods: __methods,
                        location: #location,
                    }
                }
            };
        }
    }

    /// A generic service cannot be collected: the block itself says what is served.
    pub(crate) fn implement(&self, generics: &Generics) -> TokenStream {
        let Self {
            private,
            service,
            info,
            methods,
            ..
        } = self;
        let (parameters, _, clause) = generics.split_for_impl();
        let bounds = clause
            .map(|clause| clause.predicates.iter())
            .into_iter()
            .flatten();
        quote! {
            #[allow(deprecated)]
            #[automatically_derived]
            impl #parameters #private::Service for #service
            where
                #(#bounds,)*
                #service: ::core::marker::Send + ::core::marker::Sync + 'static,
            {
                fn served() -> ::std::vec::Vec<#private::Served> {
                    ::std::vec::Vec::from([#private::Served::new(#info).methods(#methods)])
                }
            }
        }
    }
}
