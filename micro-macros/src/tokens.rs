//! Helpers for token streams: changing spans, searching and replacing identifiers.

use proc_macro2::{Group, Span, TokenStream, TokenTree};
use quote::ToTokens;

/// Returns the tokens with another span.
pub(crate) fn at(span: Span, tokens: &TokenStream) -> TokenStream {
    let one = |mut token: TokenTree| {
        token.set_span(span);
        token
    };
    tokens.clone().into_iter().map(one).collect()
}

/// Returns the span of the first identifier `word`, groups included.
pub(crate) fn find(tokens: &impl ToTokens, word: &str) -> Option<Span> {
    tokens
        .to_token_stream()
        .into_iter()
        .find_map(|token| match token {
            TokenTree::Ident(ident) => (ident == word).then(|| ident.span()),
            TokenTree::Group(group) => find(&group.stream(), word),
            _ => None,
        })
}

/// Replaces each identifier `from` with other tokens.
pub(crate) fn replace(tokens: TokenStream, from: &str, to: &TokenStream) -> TokenStream {
    let one = |token: TokenTree| match token {
        TokenTree::Ident(ident) if ident == from => to.clone(),
        TokenTree::Group(group) => {
            let mut new = Group::new(group.delimiter(), replace(group.stream(), from, to));
            new.set_span(group.span());
            TokenTree::Group(new).into()
        }
        token => token.into(),
    };
    tokens.into_iter().map(one).collect()
}
