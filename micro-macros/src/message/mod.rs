//! `#[micro::message]`: codecs and a descriptor for a struct or an enum.

mod body;
pub(crate) mod doc;
mod encoding;
mod enumeration;
pub(crate) mod expand;
mod generics;
mod head;
pub(crate) mod model;
mod name;
mod reserved;
mod tag;
pub(crate) mod variant;

use proc_macro2::TokenStream;
use syn::Item;

use crate::args::Args;
use crate::diag::Mistakes;
use crate::message::model::{KEYS, Message};

/// Expands the attribute with the arguments `args` on `item`.
pub(crate) fn message(args: TokenStream, item: TokenStream) -> TokenStream {
    let mut mistakes = Mistakes::new();
    let mut args = Args::parse(args, KEYS, &mut mistakes);
    let mut parsed = match syn::parse2::<Item>(item.clone()) {
        Ok(parsed) => parsed,
        Err(error) => {
            mistakes.keep::<()>(Err(error));
            return mistakes.finish(item, TokenStream::new);
        }
    };
    let message = match &mut parsed {
        Item::Struct(item) => Some(Message::of_struct(item, &mut args, &mut mistakes)),
        Item::Enum(item) => Some(Message::of_enum(item, &mut args, false, &mut mistakes)),
        Item::Union(item) => {
            mistakes.on(
                item.union_token,
                "a union cannot be a message; write an enum with data",
            );
            None
        }
        other => {
            mistakes.on(
                other,
                "`#[micro::message]` can only be applied to a struct or an enum",
            );
            None
        }
    };
    args.finish(&mut mistakes);
    let expanded = |expand: fn(&Message) -> TokenStream| {
        let message = message.as_ref();
        message.map(expand).unwrap_or_default()
    };
    mistakes.finish_or(
        parsed,
        || expanded(expand::stub),
        || expanded(expand::expand),
    )
}

#[cfg(test)]
mod tests;
