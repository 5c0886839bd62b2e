//! Collects every mistake of an attribute, and gives the user's item back whatever happens.
//!
//! Knows nothing of any attribute. One [`Mistakes`] is handed through parse and model; expansion
//! happens in [`Mistakes::finish`] only when it is empty.

use proc_macro2::{Span, TokenStream};
use quote::ToTokens;

/// The mistakes found so far, in the order of finding.
#[derive(Default)]
pub(crate) struct Mistakes {
    list: Vec<syn::Error>,
}

impl Mistakes {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Notes a mistake at the tokens it is about.
    pub(crate) fn on(&mut self, tokens: impl ToTokens, message: impl std::fmt::Display) {
        self.list.push(syn::Error::new_spanned(tokens, message));
    }

    /// Notes a mistake at a span.
    pub(crate) fn at(&mut self, span: Span, message: impl std::fmt::Display) {
        self.list.push(syn::Error::new(span, message));
    }

    /// The value of a result, or nothing and its error noted.
    pub(crate) fn keep<T>(&mut self, result: syn::Result<T>) -> Option<T> {
        result.map_err(|error| self.list.push(error)).ok()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// What the attribute becomes: the item, then either the mistakes or the expansion.
    ///
    /// `item` is the user's own, helper attributes stripped, so that one mistake never makes the
    /// type or function unknown elsewhere.
    pub(crate) fn finish(
        self,
        item: impl ToTokens,
        expand: impl FnOnce() -> TokenStream,
    ) -> TokenStream {
        self.finish_or(item, TokenStream::new, expand)
    }

    /// The same; beside the mistakes stands what others rely on, so that they have no part in them.
    pub(crate) fn finish_or(
        self,
        item: impl ToTokens,
        stub: impl FnOnce() -> TokenStream,
        expand: impl FnOnce() -> TokenStream,
    ) -> TokenStream {
        let mut tokens = item.into_token_stream();
        if self.is_empty() {
            tokens.extend(expand());
        } else {
            tokens.extend(self.list.iter().map(syn::Error::to_compile_error));
            tokens.extend(stub());
        }
        tokens
    }

    /// The messages, for tests.
    #[cfg(test)]
    pub(crate) fn messages(&self) -> Vec<String> {
        self.list.iter().map(ToString::to_string).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quote::quote;

    #[test]
    fn item_comes_back_with_every_mistake() {
        let mut mistakes = Mistakes::new();
        mistakes.at(Span::call_site(), "one");
        mistakes.on(quote!(x), "two");
        let tokens = mistakes
            .finish(
                quote!(
                    struct Mine;
                ),
                || unreachable!(),
            )
            .to_string();
        assert!(tokens.starts_with("struct Mine ;"), "{tokens}");
        assert!(tokens.contains("one") && tokens.contains("two"), "{tokens}");
    }

    #[test]
    fn without_mistakes_the_expansion_follows() {
        let tokens = Mistakes::new()
            .finish(
                quote!(
                    struct A;
                ),
                || {
                    quote!(
                        struct B;
                    )
                },
            )
            .to_string();
        assert_eq!(tokens, "struct A ; struct B ;");
    }
}
