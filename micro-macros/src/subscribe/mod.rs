//! `#[micro::subscribe]` on a free function: a function that receives events.
//!
//! On the methods of an `impl`, `#[micro::service]` reads the attribute; it uses the model and the
//! expansion of this module.

pub(crate) mod check;
mod expand;
mod model;
pub(crate) mod parse;

use proc_macro2::TokenStream;
use syn::Meta;

use crate::diag::Mistakes;
use crate::function::{self, Function};
use crate::names;
use crate::signature;
use crate::subscribe::model::Subscriber;
use crate::subscribe::parse::Keys;

pub(crate) use self::expand::of_block;
pub(crate) use self::model::Subscriber as Method;

/// Expands the attribute on a free function.
pub(crate) fn expand(keys: TokenStream, item: TokenStream) -> TokenStream {
    let function = match function::parse(&item, "subscribe") {
        Ok(function) => function,
        Err(tokens) => return tokens,
    };
    let mut mistakes = Mistakes::new();
    if signature::refuse_method(&function, &mut mistakes) {
        return mistakes.finish(function, TokenStream::new);
    }
    let keys = Keys::of_function(keys, &mut mistakes);
    let private = keys.private.clone();
    let subscriber = Subscriber::new(&function, keys, &mut mistakes);
    mistakes.finish(function, || {
        subscriber
            .map(|subscriber| expand::of_function(&private, &subscriber))
            .unwrap_or_default()
    })
}

/// Removes every `#[micro::subscribe(…)]` from a method and returns its subscribers. `None` if
/// the method has no such attribute.
pub(crate) fn take(function: &mut Function, mistakes: &mut Mistakes) -> Option<Vec<Method>> {
    let is_ours = |attribute: &mut syn::Attribute| names::is_ours(attribute.path(), "subscribe");
    let taken: Vec<_> = function.attributes.extract_if(.., is_ours).collect();
    let mut subscribers = Vec::new();
    if taken.is_empty() {
        return None;
    }
    for attribute in taken {
        let tokens = match &attribute.meta {
            Meta::List(list) => list.tokens.clone(),
            Meta::Path(_) => TokenStream::new(),
            Meta::NameValue(pair) => {
                let message = "the topic must be in parentheses; write \
                               `#[micro::subscribe(\"…\")]`";
                mistakes.on(&pair.value, message);
                continue;
            }
        };
        let keys = Keys::of_method(tokens, mistakes);
        subscribers.extend(Subscriber::new(function, keys, mistakes));
    }
    Some(subscribers)
}

#[cfg(test)]
mod tests;
