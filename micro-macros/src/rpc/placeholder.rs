//! A placeholder method of the client for a function with mistakes.
//!
//! Without it the compiler would also report each call of the method as an unknown method.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{FnArg, Type, Visibility};

use crate::function::{self, Function};
use crate::rpc::model::{is_of_call, is_taken};
use crate::rpc::streams;
use crate::signature;
use crate::tokens::{find, replace};

/// Returns the placeholder; `None` if every client has a method of that name. `service` replaces
/// `Self` in the signature.
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

/// Returns the parameter for the request: the last one, unless it comes from the call itself.
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

/// Returns the declared return type, as far as it can be determined.
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
