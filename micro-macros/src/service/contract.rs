//! `#[micro::service]` on a trait: a contract between callers and the services that implement it.

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{Path, ReturnType, parse_quote};

use crate::diag::Mistakes;
use crate::function::{self, Function, Item};
use crate::names;
use crate::rpc::expand::client_impl;
use crate::rpc::model::{Method, check_unique};
use crate::rpc::placeholder::placeholder;
use crate::rpc::streams;
use crate::service::block::{check_receiver, take_rpc};
use crate::service::client::Client;
use crate::service::header::Trait;
use crate::service::keys::Keys;

pub(super) fn expand(keys: TokenStream, item: TokenStream) -> syn::Result<TokenStream> {
    let mut item: Trait = syn::parse2(item)?;
    let mut mistakes = Mistakes::new();
    let keys = Keys::of_trait(keys, &item.ident, &mut mistakes);
    check_trait(&item, &mut mistakes);
    let (methods, placeholders) = methods(&mut item.items, &keys.private, &mut mistakes);
    let client = client(&item, &keys, &methods, &placeholders);
    if item.generics.params.is_empty() {
        let table = table(&item.ident, &keys, &methods);
        item.items.push(Item::Other(table));
    }
    // Trait and client are emitted in spite of mistakes, so that implementations and callers still
    // compile.
    Ok(mistakes.finish(quote!(#item #client), TokenStream::new))
}

fn check_trait(item: &Trait, mistakes: &mut Mistakes) {
    if !item.generics.params.is_empty() {
        let message = "a contract cannot have type parameters; write concrete types in its methods";
        mistakes.on(&item.generics.params, message);
    }
    if let Some(token) = &item.unsafety {
        mistakes.on(token, "a contract cannot be unsafe; remove `unsafe`");
    }
}

/// Returns the methods, and the placeholders of the client for methods with mistakes.
fn methods(
    items: &mut [Item],
    private: &TokenStream,
    mistakes: &mut Mistakes,
) -> (Vec<Method>, Vec<TokenStream>) {
    let (mut methods, mut placeholders) = (Vec::new(), Vec::new());
    let mut any = false;
    for item in items {
        let Item::Function(function) = item else {
            continue;
        };
        let Some((keys, _)) = take_rpc(function, mistakes) else {
            continue;
        };
        any = true;
        check_receiver(function, mistakes);
        // Methods of a trait are as visible as the trait.
        let visibility = parse_quote!(pub);
        match Method::new(function, keys, mistakes) {
            Some(method) => methods.push(Method {
                visibility,
                ..method
            }),
            None => placeholders.extend(placeholder(private, function, &visibility, None)),
        }
        make_sendable(function);
    }
    if !any {
        let message = "this contract has no methods; put `#[micro::rpc]` on a method, or remove \
                       `#[micro::service]`";
        mistakes.at(Span::call_site(), message);
    }
    check_unique(&methods, mistakes);
    (methods, placeholders)
}

/// Rewrites `async fn get(…) -> R` to `fn get(…) -> impl Future<Output = R> + Send`, which an
/// `async fn` can implement.
fn make_sendable(function: &mut Function) {
    let sig = &mut function.signature;
    if sig.asyncness.take().is_none() {
        return;
    }
    let output = match &mut sig.output {
        ReturnType::Default => quote!(()),
        ReturnType::Type(_, ty) => {
            streams::make_sendable(ty);
            ty.to_token_stream()
        }
    };
    let future = quote_spanned! {sig.ident.span()=>
        -> impl ::core::future::Future<Output = #output> + ::core::marker::Send
    };
    // The return type was parsed before, so parsing it again does not fail.
    if let Ok(output) = syn::parse2(future) {
        sig.output = output;
    }
    if let Some(body) = function.body.take() {
        let inner = body.stream();
        let mut outer = Group::new(Delimiter::Brace, quote!(async move { #inner }));
        outer.set_span(body.span());
        function.body = Some(outer);
    }
}

/// Returns the client. Its methods are as visible as those of the trait.
fn client(
    item: &Trait,
    keys: &Keys,
    methods: &[Method],
    placeholders: &[TokenStream],
) -> TokenStream {
    let base = Client {
        keys,
        attributes: &item.attributes,
        visibility: &item.visibility,
        ident: &item.ident,
    };
    let base = base.expand();
    let client = Path::from(names::client(&item.ident));
    let methods = (methods, placeholders);
    let calls = client_impl(&keys.private, &client, methods, &item.attributes);
    let cfgs = function::cfgs(&item.attributes);
    quote!(#base #(#cfgs)* #calls)
}

/// Returns an associated constant with the contract's table. An `impl` of the trait finds it
/// through the trait, because the trait may have another name there and the client may not be in
/// scope.
fn table(ident: &Ident, keys: &Keys, methods: &[Method]) -> TokenStream {
    let (private, client) = (&keys.private, names::client(ident));
    let service = quote!(Self);
    let entries = methods.iter().map(|method| {
        let name = &method.ident;
        let function = quote_spanned!(name.span()=> <Self as #ident>::#name);
        method.entry(private, Some(&service), &function)
    });
    quote! {
        #[doc(hidden)]
        #[allow(deprecated)]
        const __NEEDS_MICRO_SERVICE_ON_THE_TRAIT: #private::Contract = #private::Contract {
            info: #client::INFO,
            methods: || #private::methods([#(#entries),*]),
        };
    }
}
