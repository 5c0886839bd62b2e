//! The client's method for a function that can be none: it is there, and never called.
//!
//! Callers of the function are not to blame for its mistakes, and should not read that there is no
//! such method.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{FnArg, Type, Visibility};

use crate::function::{self, Function};
use crate::rpc::model::{is_of_call, is_taken};
use crate::rpc::streams;
use crate::signature;
use crate::tokens::{find, replace};

/// A method for the client; none where the client has one of that name anyway. `service` is what
/// `Self` means to the function.
pub(crate) fn placeholder(
    private: &TokenStream,
    function: &Function,
    visibility: &Visibility,
    service: Option<&TokenStream>,
) -> Option<TokenStream> {
    let sig = &function.signature;
    let ident = &sig.ident;
    if is_taken(ident) {
        return None;
    }
    let cfgs = function::cfgs(&function.attributes);
    let (parameters, _, clause) = sig.generics.split_for_impl();
    let (asked, returns) = (asked(function), returns(private, function));
    let method = quote! {
        #(#cfgs)*
        #[allow(unused_variables)]
        #visibility fn #ident #parameters (&self #asked) -> #returns #clause {
            ::core::unreachable!()
        }
    };
    // In an `impl` of the client `Self` is another type.
    Some(match service {
        Some(service) => replace(method, "Self", service),
        None => method,
    })
}

/// The last parameter, unless a call gives it.
fn asked(function: &Function) -> Option<TokenStream> {
    let FnArg::Typed(last) = function.signature.inputs.last()? else {
        return None;
    };
    match &*last.ty {
        ty if is_of_call(ty) => None,
        ty @ Type::Path(_) if streams::requests(ty).is_none() => Some(quote!(, request: #ty)),
        _ => Some(quote!(, request: impl ::core::marker::Sized)),
    }
}

/// What the function says it returns, as far as that is known.
fn returns(private: &TokenStream, function: &Function) -> TokenStream {
    match signature::output(&function.signature) {
        Some(result) if find(&result, "impl").is_none() => quote! {
            #private::Request<
                <#result as #private::Returned>::Ok,
                <<#result as #private::Returned>::Error as #private::MethodError>::Caller,
            >
        },
        _ => quote!(#private::Request<(), #private::Error>),
    }
}
