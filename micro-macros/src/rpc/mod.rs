//! `#[micro::rpc]` on a free function: a method of a service.
//!
//! On the methods of an `impl`, `#[micro::service]` reads the attribute; it uses the model and the
//! expansion of this module.

pub(crate) mod expand;
mod http;
pub(crate) mod model;
pub(crate) mod parse;
pub(crate) mod placeholder;
pub(crate) mod streams;
pub(crate) mod table;
mod template;

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Type, TypePath};

use crate::diag::Mistakes;
use crate::function::{self, Function};
use crate::names;
use crate::rpc::model::Method;
use crate::rpc::parse::Keys;
use crate::rpc::placeholder::placeholder;
use crate::rpc::table::{Methods, Table};
use crate::signature;

/// Expands `#[micro::rpc(service = Greeter)]` on a free function.
pub(crate) fn expand(keys: TokenStream, item: TokenStream) -> TokenStream {
    let function = match function::parse(&item, "rpc") {
        Ok(function) => function,
        Err(tokens) => return tokens,
    };
    let mut mistakes = Mistakes::new();
    if signature::refuse_method(&function, &mut mistakes) {
        return mistakes.finish(function, TokenStream::new);
    }
    let mut keys = Keys::of_function(keys, &mut mistakes);
    let (private, service) = (keys.private.clone(), keys.service.take());
    let service = service_path(service, &function, &mut mistakes);
    let method = Method::new(&function, keys, &mut mistakes);
    let client = service.as_ref().map(|service| {
        let placeholder = match method {
            Some(_) => None,
            None => placeholder(&private, &function, &function.visibility, None),
        };
        client(&private, service, method.as_ref(), placeholder)
    });
    // The client's method is emitted in spite of mistakes, so that its callers still compile.
    mistakes.finish(quote!(#function #client), || match (service, method) {
        (Some(service), Some(method)) => served(&private, &service, &method),
        _ => TokenStream::new(),
    })
}

/// Checks that `service = …` is the path of a concrete type.
fn service_path(
    service: Option<Type>,
    function: &Function,
    mistakes: &mut Mistakes,
) -> Option<TypePath> {
    let Some(service) = service else {
        if mistakes.is_empty() {
            let message = "a free function must name its service; write for example \
                           `#[micro::rpc(service = Greeter)]`";
            mistakes.on(&function.signature.ident, message);
        }
        return None;
    };
    let Type::Path(path) = service else {
        mistakes.on(
            service,
            "`service` takes the path of a type; write for example `service = Greeter`",
        );
        return None;
    };
    if path
        .path
        .segments
        .last()
        .is_some_and(|last| !last.arguments.is_none())
    {
        let message = "a function cannot be added to a generic service, which is not collected at \
                       link time; make it a method of the service's `impl`, and give the service \
                       to `App::builder().service(…)`";
        mistakes.on(&path, message);
        return None;
    }
    Some(path)
}

/// Returns the method of the service's client.
fn client(
    private: &TokenStream,
    service: &TypePath,
    method: Option<&Method>,
    placeholder: Option<TokenStream>,
) -> TokenStream {
    let client = names::client_path(&service.path);
    let cfgs = method.map(|method| &method.cfgs[..]).unwrap_or_default();
    let methods = method.map(std::slice::from_ref).unwrap_or_default();
    let placeholders: Vec<_> = placeholder.into_iter().collect();
    let client = expand::client_impl(private, &client, (methods, &placeholders), &[]);
    quote!(#(#cfgs)* #client)
}

fn served(private: &TokenStream, service: &TypePath, method: &Method) -> TokenStream {
    let client = names::client_path(&service.path);
    let ident = &method.ident;
    let entry = method.entry(private, None, &quote!(#ident));
    let cfgs = &method.cfgs;
    let methods = Methods::Own {
        info: quote!(#client::INFO),
        table: quote!(#private::methods([#entry])),
    };
    let service = Type::Path(service.clone());
    let table = Table {
        private,
        service: &service,
        methods,
    };
    let table = table.submit();
    quote!(#(#cfgs)* #table)
}

#[cfg(test)]
mod tests;
