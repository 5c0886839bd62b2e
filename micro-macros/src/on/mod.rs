//! `#[micro::on]`: an async function that runs when the app starts, is ready or has stopped.

mod expand;
mod model;
mod parse;

use proc_macro2::TokenStream;

use crate::diag::Mistakes;
use crate::function;
use crate::on::model::Hook;
use crate::on::parse::Keys;

/// Expands the attribute.
pub(crate) fn expand(keys: TokenStream, item: TokenStream) -> TokenStream {
    let function = match function::parse(&item, "on") {
        Ok(function) => function,
        Err(tokens) => return tokens,
    };
    let mut mistakes = Mistakes::new();
    let keys = Keys::new(keys, &mut mistakes);
    let hook = Hook::new(&function, keys, &mut mistakes);
    mistakes.finish(function, || {
        hook.map(|hook| hook.expand()).unwrap_or_default()
    })
}

#[cfg(test)]
mod tests;
