//! `#[micro::on]`: an async function that runs when the app starts, is ready or stops.

pub(crate) mod parse;

use proc_macro2::TokenStream;
use quote::{format_ident, quote};

use crate::diag::Mistakes;
use crate::function;
use crate::on::parse::Keys;
use crate::work::Work;

/// Expands the attribute.
pub(crate) fn expand(keys: TokenStream, item: TokenStream) -> TokenStream {
    let function = match function::parse(&item, "on") {
        Ok(function) => function,
        Err(tokens) => return tokens,
    };
    let mut mistakes = Mistakes::new();
    let Keys { moment, private } = Keys::new(keys, &mut mistakes);
    let hook = Work::new(&function, private.clone(), "a hook", &mut mistakes);
    mistakes.finish(function, || {
        moment
            .map(|moment| {
                let moment = format_ident!("{moment}");
                let when = quote!(on: #private::Phase::#moment);
                hook.record(&quote!(LINKED_HOOKS), &quote!(LinkedHook), &when)
            })
            .unwrap_or_default()
    })
}

#[cfg(test)]
mod tests;
