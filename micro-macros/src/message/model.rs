//! The checked model of a message. Building it reports the mistakes.

use proc_macro2::Ident;
use syn::{Generics, ItemEnum, ItemStruct, LitStr, Path};

use crate::args::Args;
use crate::diag::Mistakes;
use crate::message::body::Body;
use crate::message::doc::About;
use crate::message::enumeration::Enumeration;
use crate::message::head::Head;
use crate::message::reserved::Reserved;
use crate::message::variant::{self, Variant};

/// The keys of `#[micro::message(…)]`.
pub(crate) const KEYS: &[&str] = &[
    "any", "topic", "package", "name", "within", "oneof", "reserved", "crate",
];

/// The keys of `#[micro(…)]` on fields and variants.
pub(crate) const HELPERS: &[&str] = &[
    "tag", "name", "json", "as", "unpacked", "oneof", "default", "other", "alias",
];

/// A checked message.
pub(crate) struct Message {
    pub(crate) ident: Ident,
    pub(crate) generics: Generics,
    pub(crate) name: String,
    pub(crate) package: Option<LitStr>,
    /// The outer message, whose name is a prefix of this one's.
    pub(crate) within: Option<Path>,
    /// Whether the message is registered by name, so that JSON of an `Any` can contain it.
    pub(crate) any: bool,
    pub(crate) topic: Option<LitStr>,
    pub(crate) krate: Option<Path>,
    pub(crate) reserved: Reserved,
    pub(crate) about: About,
    /// Whether to implement serde's `Serialize`. False if the user derives it. The same applies to
    /// `deserialize`.
    pub(crate) serialize: bool,
    pub(crate) deserialize: bool,
    pub(crate) shape: Shape,
    /// A variant of an error enum that is not encoded: `other`.
    pub(crate) unsent: Option<Ident>,
}

/// The kind of item.
pub(crate) enum Shape {
    Struct(Body),
    /// An enum with data.
    Choice(Vec<Variant>),
    /// An enum with data whose variants are fields of the message that contains it.
    Oneof(Vec<Variant>),
    /// An enum without data.
    Enumeration(Enumeration),
}

impl Message {
    pub(crate) fn of_struct(
        item: &mut ItemStruct,
        args: &mut Args,
        mistakes: &mut Mistakes,
    ) -> Self {
        let head = Head::take(&mut item.attrs, args, mistakes);
        if let Some(span) = head.oneof {
            mistakes.at(
                span,
                "a oneof must be an enum with data; remove `oneof`, or write an enum whose \
                 variants hold values",
            );
        }
        head.reserved.check_tags(mistakes);
        let body = Body::of(&mut item.fields, &head.reserved, mistakes);
        if let Some(span) = body
            .oneof()
            .filter(|_| item.generics.type_params().next().is_some())
        {
            mistakes.at(
                span,
                "a message with type parameters cannot contain a oneof; remove the parameters",
            );
        }
        head.message(&item.ident, &item.generics, Shape::Struct(body), mistakes)
    }

    /// Checks an enum. An error enum is treated as an enum with data.
    pub(crate) fn of_enum(
        item: &mut ItemEnum,
        args: &mut Args,
        is_error: bool,
        mistakes: &mut Mistakes,
    ) -> Self {
        let head = Head::take(&mut item.attrs, args, mistakes);
        if item.variants.is_empty() {
            let message = if is_error {
                "the enum has no errors of its own; add a variant with a kind and a text"
            } else {
                "an enum without variants has no value to send; add a variant"
            };
            mistakes.on(&item.ident, message);
        }
        let shape = if let Some(span) = head.oneof {
            head.refuse_on_oneof(mistakes);
            if let Some(param) = item.generics.params.first() {
                mistakes.on(param, "a oneof cannot have generic parameters; remove them");
            }
            let variants = variant::variants(item, &head.reserved, mistakes);
            if variants.iter().all(Variant::ident_only) {
                mistakes.at(
                    span,
                    "a oneof must be an enum with data; remove `oneof`, or write an enum whose \
                     variants hold values",
                );
            }
            for variant in variants.iter().filter(|variant| variant.several()) {
                let message = "a variant of a oneof holds at most one value; move these fields \
                               into a struct";
                mistakes.on(&variant.ident, message);
            }
            Shape::Oneof(variants)
        } else if is_error || variant::has_data(item) {
            head.reserved.check_tags(mistakes);
            Shape::Choice(variant::variants(item, &head.reserved, mistakes))
        } else {
            head.refuse_on_enumeration(mistakes);
            if let Some(param) = item.generics.params.first() {
                mistakes.on(
                    param,
                    "an enum without data cannot have generic parameters; remove them",
                );
            }
            Shape::Enumeration(Enumeration::of(item, &head.reserved, mistakes))
        };
        head.message(&item.ident, &item.generics, shape, mistakes)
    }

    /// Returns the names of the type parameters.
    pub(crate) fn type_parameters(&self) -> impl Iterator<Item = &Ident> {
        self.generics.type_params().map(|param| &param.ident)
    }
}
