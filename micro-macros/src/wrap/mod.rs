//! `#[micro::wrap]`: an async function as middleware around calls and events.

mod expand;
mod model;
pub(crate) mod parse;

use proc_macro2::TokenStream;

use crate::diag::Mistakes;
use crate::function;
use crate::wrap::model::Wrap;
use crate::wrap::parse::Keys;

/// Expands the attribute.
pub(crate) fn expand(keys: TokenStream, item: TokenStream) -> TokenStream {
    let function = match function::parse(&item, "wrap") {
        Ok(function) => function,
        Err(tokens) => return tokens,
    };
    let mut mistakes = Mistakes::new();
    let keys = Keys::new(keys, &mut mistakes);
    let wrap = Wrap::new(&function, keys, &mut mistakes);
    mistakes.finish(function, || {
        wrap.map(|wrap| wrap.expand()).unwrap_or_default()
    })
}

#[cfg(test)]
mod tests;
