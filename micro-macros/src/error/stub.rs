//! Stub impls for an error enum with mistakes, with unreachable bodies.
//!
//! They keep the compiler from also reporting the methods that return the error.

use proc_macro2::{Ident, TokenStream};
use quote::quote;
use syn::Path;

/// Returns the stub impls for `ident`. `catches` is whether the enum has an `other` variant.
pub(super) fn stub(ident: &Ident, catches: bool, krate: Option<&Path>) -> TokenStream {
    let private = match krate {
        Some(path) => quote!(#path::__private),
        None => quote!(::micro::__private),
    };
    let never = quote!(::core::unreachable!());
    let caller = if catches {
        quote!(Self)
    } else {
        quote!(#private::Error)
    };
    let downcast_or = catches.then(|| {
        quote! {
            impl ::core::convert::From<#private::Error> for #ident {
                fn from(_: #private::Error) -> Self {
                    #never
                }
            }
        }
    });
    quote! {
        #[allow(unreachable_code)]
        #[allow(deprecated, clippy::all, clippy::pedantic)]
        const _: () = {
            impl ::core::fmt::Display for #ident {
                fn fmt(&self, _: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                    #never
                }
            }

            impl ::core::error::Error for #ident {}

            impl #private::Typed for #ident {
                fn detail_name() -> ::std::string::String {
                    #never
                }

                fn from_detail(_: &[::core::primitive::u8]) -> ::core::option::Option<Self> {
                    #never
                }
            }

            impl #private::MethodError for #ident {
                type Caller = #caller;

                fn into_wire_error(self) -> #private::Error {
                    #never
                }
            }

            impl ::core::convert::From<#ident> for #private::Error {
                fn from(_: #ident) -> Self {
                    #never
                }
            }

            #downcast_or
        };
    }
}
