//! `#[micro::every]`: an async function that runs periodically while the app runs.

pub(crate) mod parse;

use proc_macro2::TokenStream;
use quote::quote;

use crate::diag::Mistakes;
use crate::every::parse::Keys;
use crate::work::Work;
use crate::{duration, function};

/// Expands the attribute.
pub(crate) fn expand(keys: TokenStream, item: TokenStream) -> TokenStream {
    let function = match function::parse(&item, "every") {
        Ok(function) => function,
        Err(tokens) => return tokens,
    };
    let mut mistakes = Mistakes::new();
    let Keys { period, private } = Keys::new(keys, &mut mistakes);
    let work = Work::new(&function, private, "a periodic function", &mut mistakes);
    mistakes.finish(function, || {
        period
            .map(|period| {
                let period = duration::expand(period);
                let when = quote!(period: #period);
                work.record(&quote!(LINKED_EVERYS), &quote!(LinkedEvery), &when)
            })
            .unwrap_or_default()
    })
}

#[cfg(test)]
mod tests;
