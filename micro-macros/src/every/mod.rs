//! `#[micro::every]`: an async function that runs every so often while the app does.

mod expand;
mod model;
mod parse;

use proc_macro2::TokenStream;

use crate::diag::Mistakes;
use crate::every::model::Every;
use crate::every::parse::Keys;
use crate::function;

/// Expands the attribute.
pub(crate) fn expand(keys: TokenStream, item: TokenStream) -> TokenStream {
    let function = match function::parse(&item, "every") {
        Ok(function) => function,
        Err(tokens) => return tokens,
    };
    let mut mistakes = Mistakes::new();
    let keys = Keys::new(keys, &mut mistakes);
    let every = Every::new(&function, keys, &mut mistakes);
    mistakes.finish(function, || {
        every.map(|every| every.expand()).unwrap_or_default()
    })
}

#[cfg(test)]
mod tests;
