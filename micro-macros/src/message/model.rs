//! The checked description of a message, and the place where its mistakes are found.

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
    /// The message whose name stands before this one's.
    pub(crate) within: Option<Path>,
    /// Whether it can be read as JSON by its name alone.
    pub(crate) any: bool,
    pub(crate) topic: Option<LitStr>,
    pub(crate) krate: Option<Path>,
    pub(crate) reserved: Reserved,
    pub(crate) about: About,
    /// Whether to implement serde's `Serialize` and `Deserialize`: not if the user does.
    pub(crate) serialize: bool,
    pub(crate) deserialize: bool,
    pub(crate) shape: Shape,
    /// A variant of an enum with data that is not sent.
    pub(crate) unsent: Option<Ident>,
}

/// What kind of item it is.
pub(crate) enum Shape {
    Struct(Body),
    /// An enum with data.
    Choice(Vec<Variant>),
    /// An enum with data whose variants are fields of the message that holds it.
    Oneof(Vec<Variant>),
    /// An enum without.
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
            mistakes.at(span, "a oneof is an enum with data");
        }
        head.reserved.check_tags(mistakes);
        let body = Body::of(&mut item.fields, &head.reserved, mistakes);
        if let Some(span) = body
            .oneof()
            .filter(|_| item.generics.type_params().next().is_some())
        {
            mistakes.at(span, "a message with type parameters holds no `oneof`");
        }
        head.message(&item.ident, &item.generics, Shape::Struct(body), mistakes)
    }

    /// An enum; one of errors counts as one with data.
    pub(crate) fn of_enum(
        item: &mut ItemEnum,
        args: &mut Args,
        is_error: bool,
        mistakes: &mut Mistakes,
    ) -> Self {
        let head = Head::take(&mut item.attrs, args, mistakes);
        if item.variants.is_empty() {
            let message = if is_error {
                "an error has variants of its own, beside `other`"
            } else {
                "an enum without variants has no value to send"
            };
            mistakes.on(&item.ident, message);
        }
        let shape = if let Some(span) = head.oneof {
            head.refuse_on_oneof(mistakes);
            if let Some(param) = item.generics.params.first() {
                mistakes.on(param, "a oneof takes no parameters");
            }
            let variants = variant::variants(item, &head.reserved, mistakes);
            if variants.iter().all(Variant::ident_only) {
                mistakes.at(span, "a oneof is an enum with data");
            }
            for variant in variants.iter().filter(|variant| variant.several()) {
                let message = "a variant of a oneof holds one value; make these a struct";
                mistakes.on(&variant.ident, message);
            }
            Shape::Oneof(variants)
        } else if is_error || variant::has_data(item) {
            head.reserved.check_tags(mistakes);
            Shape::Choice(variant::variants(item, &head.reserved, mistakes))
        } else {
            head.refuse_on_enumeration(mistakes);
            if let Some(param) = item.generics.params.first() {
                mistakes.on(param, "an enum without data takes no parameters");
            }
            Shape::Enumeration(Enumeration::of(item, &head.reserved, mistakes))
        };
        head.message(&item.ident, &item.generics, shape, mistakes)
    }

    /// The names of the type parameters.
    pub(crate) fn type_parameters(&self) -> impl Iterator<Item = &Ident> {
        self.generics.type_params().map(|param| &param.ident)
    }
}
