//! `#[micro::service]` on a struct, its `impl`, a trait, and an `impl` of such a trait.

mod block;
mod client;
mod contract;
mod header;
pub(crate) mod keys;
pub(crate) mod state;

use proc_macro2::{TokenStream, TokenTree};
use quote::quote;
use syn::parse::{ParseStream, Parser};
use syn::{Attribute, Token, Visibility};

/// Expands the attribute, by the kind of the item.
pub(crate) fn expand(keys: TokenStream, item: TokenStream) -> TokenStream {
    let expanded = match kind(&item).as_deref() {
        Some("struct") => state::expand(keys, item.clone()),
        Some("impl") => block::expand(keys, item.clone()),
        Some("trait") => contract::expand(keys, item.clone()),
        _ => Err(misplaced(&item)),
    };
    expanded.unwrap_or_else(|error| {
        let error = error.to_compile_error();
        quote!(#item #error)
    })
}

/// Returns the keyword of the item.
fn kind(item: &TokenStream) -> Option<String> {
    word(item).map(|word| word.to_string())
}

fn word(item: &TokenStream) -> Option<TokenTree> {
    let skip = |input: ParseStream<'_>| {
        input.call(Attribute::parse_outer)?;
        input.parse::<Visibility>()?;
        input.parse::<Option<Token![unsafe]>>()?;
        let word: TokenTree = input.parse()?;
        input.parse::<TokenStream>()?;
        Ok(word)
    };
    skip.parse2(item.clone()).ok()
}

fn misplaced(item: &TokenStream) -> syn::Error {
    let message = "`#[micro::service]` can only be applied to a struct, its `impl`, a trait, or an \
                   `impl` of such a trait";
    match word(item) {
        Some(TokenTree::Ident(word)) if word == "fn" || word == "async" => syn::Error::new(
            word.span(),
            format!("{message}; to serve a function, put `#[micro::rpc(service = Greeter)]` on it"),
        ),
        Some(word) => syn::Error::new_spanned(word, message),
        None => syn::Error::new_spanned(item, message),
    }
}

#[cfg(test)]
mod tests;
