//! `#[micro::test]`: an async function as a test within an in-memory app.

mod expand;
mod model;
pub(crate) mod parse;

use proc_macro2::TokenStream;

use crate::diag::Mistakes;
use crate::function;
use crate::test::model::Test;
use crate::test::parse::Keys;

/// Expands the attribute. The expansion contains the function inside of the test, so the function
/// itself is emitted only with mistakes.
pub(crate) fn expand(keys: TokenStream, item: TokenStream) -> TokenStream {
    let function = match function::parse(&item, "test") {
        Ok(function) => function,
        Err(tokens) => return tokens,
    };
    let mut mistakes = Mistakes::new();
    let keys = Keys::new(keys, &mut mistakes);
    let test = Test::new(&function, keys, &mut mistakes);
    if mistakes.is_empty() {
        test.expand()
    } else {
        mistakes.finish(function, TokenStream::new)
    }
}

#[cfg(test)]
mod tests;
