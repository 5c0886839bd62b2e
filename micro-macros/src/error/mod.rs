//! `#[micro::error]`: an enum of typed errors. The client receives the same variant with the same
//! fields.
//!
//! On the wire the enum is encoded like an enum with data that has `#[micro::message]`.

mod expand;
mod stub;
pub(crate) mod variant;

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Item, ItemEnum};

use crate::args::Args;
use crate::diag::Mistakes;
use crate::error::variant::Variant;
use crate::message;
use crate::message::doc::derives;
use crate::message::model::Message;

pub(crate) const KEYS: &[&str] = &["package", "name", "within", "reserved", "crate"];

/// Expands the attribute on an enum.
pub(crate) fn expand(keys: TokenStream, item: TokenStream) -> TokenStream {
    let mut mistakes = Mistakes::new();
    let mut item = match syn::parse2::<Item>(item.clone()) {
        Ok(Item::Enum(item)) => item,
        Ok(other) => {
            let message = "`#[micro::error]` can only be applied to an enum, whose variants are \
                           the errors";
            mistakes.on(&other, message);
            return mistakes.finish(other, TokenStream::new);
        }
        Err(error) => {
            mistakes.keep::<()>(Err(error));
            return mistakes.finish(item, TokenStream::new);
        }
    };
    if !item.generics.params.is_empty() {
        let message = "an enum with `#[micro::error]` cannot have generic parameters; remove them";
        mistakes.on(&item.generics.params, message);
    }
    let mut args = Args::parse(keys, KEYS, &mut mistakes);
    let catches = item.variants.iter().any(message::variant::is_other);
    let variants = variant::take(&mut item, &mut mistakes);
    let message = sent(&item, &variants, &mut args, &mut mistakes);
    args.finish(&mut mistakes);
    strip(&mut item);
    let debug = (!derives(&item.attrs, "Debug")).then(|| quote!(#[derive(::core::fmt::Debug)]));
    let krate = message.krate.as_ref();
    mistakes.finish_or(
        quote!(#debug #item),
        || {
            // A generic enum cannot be the error of a method, so nothing relies on these impls.
            if !item.generics.params.is_empty() {
                return TokenStream::new();
            }
            let impls = stub::stub(&item.ident, catches, krate);
            let message = message::expand::stub(&message);
            quote!(#message #impls)
        },
        || {
            let impls = expand::expand(&item.ident, &variants, krate);
            let message = message::expand::expand(&message);
            quote!(#message #impls)
        },
    )
}

/// Returns the message of the enum: all variants but `other`.
fn sent(
    item: &ItemEnum,
    variants: &[Variant],
    args: &mut Args,
    mistakes: &mut Mistakes,
) -> Message {
    let mut copy = item.clone();
    let other = variants.iter().find(|variant| variant.is_other());
    let other = other.map(|variant| variant.ident.clone());
    copy.variants = copy
        .variants
        .into_iter()
        .filter(|variant| Some(&variant.ident) != other.as_ref())
        .collect();
    let mut message = Message::of_enum(&mut copy, args, true, mistakes);
    message.unsent = other;
    message
}

/// Removes the `#[micro(…)]` attributes.
fn strip(item: &mut ItemEnum) {
    for variant in &mut item.variants {
        let fields = variant.fields.iter_mut().map(|field| &mut field.attrs);
        for attributes in fields.chain([&mut variant.attrs]) {
            attributes.retain(|attribute| !attribute.path().is_ident("micro"));
        }
    }
}

#[cfg(test)]
mod tests;
