//! `#[micro::service]`: on a struct, on its `impl`, on a trait, and on an `impl` of such a trait.

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

/// Expands the attribute on whatever it stands on.
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

/// The item's keyword.
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
    let message = "`#[micro::service]` goes on a struct, on its `impl`, on a trait, or on an \
                   `impl` of that trait";
    match word(item) {
        Some(TokenTree::Ident(word)) if word == "fn" || word == "async" => syn::Error::new(
            word.span(),
            format!("{message}; a function is served by `#[micro::rpc(service = Greeter)]`"),
        ),
        Some(word) => syn::Error::new_spanned(word, message),
        None => syn::Error::new_spanned(item, message),
    }
}

#[cfg(test)]
mod tests;
