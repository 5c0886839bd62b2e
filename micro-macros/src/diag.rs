//! Collects all mistakes of an attribute, so that they are reported at once.
//!
//! One [`Mistakes`] is passed through parsing and model. [`Mistakes::finish`] emits the user's item
//! in any case, and the expansion only without mistakes. This module does not depend on any
//! particular attribute.

use proc_macro2::{Span, TokenStream};
use quote::ToTokens;

/// The mistakes found so far, in the order in which they were found.
#[derive(Default)]
pub(crate) struct Mistakes {
    list: Vec<syn::Error>,
}

impl Mistakes {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Adds a mistake at the tokens that caused it.
    pub(crate) fn on(&mut self, tokens: impl ToTokens, message: impl std::fmt::Display) {
        self.list.push(syn::Error::new_spanned(tokens, message));
    }

    /// Adds a mistake at a span.
    pub(crate) fn at(&mut self, span: Span, message: impl std::fmt::Display) {
        self.list.push(syn::Error::new(span, message));
    }

    /// Returns the value of a result, or adds its error and returns `None`.
    pub(crate) fn keep<T>(&mut self, result: syn::Result<T>) -> Option<T> {
        result.map_err(|error| self.list.push(error)).ok()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Returns the output of the attribute: the item, then either the mistakes or the expansion.
    ///
    /// `item` is the user's item without helper attributes. It is emitted even after a mistake, so
    /// that the compiler does not also report the type or function as unknown elsewhere.
    pub(crate) fn finish(
        self,
        item: impl ToTokens,
        expand: impl FnOnce() -> TokenStream,
    ) -> TokenStream {
        self.finish_or(item, TokenStream::new, expand)
    }

    /// Like [`finish`](Self::finish), but emits `stub` after the mistakes. The stub contains what
    /// other code relies on, such as trait impls, so that the compiler reports no further errors.
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

    /// Returns the messages, for tests.
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
    fn the_item_is_kept_with_all_mistakes() {
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
    fn the_expansion_follows_when_there_is_no_mistake() {
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
