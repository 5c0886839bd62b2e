//! The checked description of a message, and the place where its mistakes are found.

use proc_macro2::{Ident, Span};
use syn::ext::IdentExt;
use syn::{Attribute, Generics, ItemEnum, ItemStruct, LitStr, Path};

use crate::args::Args;
use crate::diag::Mistakes;
use crate::message::body::Body;
use crate::message::doc::{About, derives};
use crate::message::enumeration::Enumeration;
use crate::message::generics;
use crate::message::name;
use crate::message::reserved::Reserved;
use crate::message::variant::{self, Variant};
use crate::subscribe::check;

/// The keys of `#[micro::message(…)]`.
pub(crate) const KEYS: &[&str] = &[
    "topic", "package", "name", "within", "oneof", "reserved", "crate",
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
            let message = match is_error {
                true => "an error has variants of its own, beside `other`",
                false => "an enum without variants has no value to send",
            };
            mistakes.on(&item.ident, message);
        }
        let shape = if let Some(span) = head.oneof {
            head.refuse_on_oneof(mistakes);
            if let Some(param) = item.generics.params.first() {
                mistakes.on(param, "a oneof takes no parameters");
            }
            let variants = variant::variants(item, &head.reserved, mistakes);
            if variants.iter().all(|variant| variant.ident_only()) {
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
    pub(crate) fn params(&self) -> impl Iterator<Item = &Ident> {
        self.generics.type_params().map(|param| &param.ident)
    }
}

/// What the attribute itself says.
struct Head {
    name: Option<LitStr>,
    package: Option<LitStr>,
    within: Option<Path>,
    oneof: Option<Span>,
    topic: Option<LitStr>,
    krate: Option<Path>,
    reserved: Reserved,
    about: About,
    serialize: bool,
    deserialize: bool,
}

impl Head {
    fn take(attributes: &mut Vec<Attribute>, args: &mut Args, mistakes: &mut Mistakes) -> Self {
        let stray = attributes.extract_if(.., |attribute| attribute.path().is_ident("micro"));
        for attribute in stray {
            mistakes.on(attribute, "write this in `#[micro::message(…)]` itself");
        }
        let head = Self {
            name: args.string("name", mistakes),
            package: args.string("package", mistakes),
            within: args.path("within", mistakes),
            oneof: args.flag("oneof", mistakes).map(|ident| ident.span()),
            topic: args.string("topic", mistakes),
            krate: args.path("crate", mistakes),
            reserved: Reserved::take(args, mistakes),
            about: About::of(attributes),
            serialize: !derives(attributes, "Serialize"),
            deserialize: !derives(attributes, "Deserialize"),
        };
        if let Some(topic) = &head.topic {
            if topic.value().is_empty() {
                let message = "a topic has a name, for example `topic = \"greeter.greeted\"`";
                mistakes.on(topic, message);
            } else {
                check::topic(topic, mistakes);
            }
        }
        if let (Some(package), Some(_)) = (&head.package, &head.within) {
            mistakes.on(package, "the package is that of `within`; remove this one");
        }
        if let Some(package) = &head.package {
            let text = package.value();
            if !text.is_empty() && !text.split('.').all(name::is_identifier) {
                let message = "a package is names joined by dots, for example `shop.v1`";
                mistakes.on(package, message);
            }
        }
        head
    }

    fn refuse_on_oneof(&self, mistakes: &mut Mistakes) {
        let message = "a oneof is no message of its own; write this on the struct that holds it";
        for text in [&self.topic, &self.package, &self.name]
            .into_iter()
            .flatten()
        {
            mistakes.on(text, message);
        }
        if let Some(path) = &self.within {
            mistakes.on(path, message);
        }
        self.reserved.refuse(message, mistakes);
    }

    fn refuse_on_enumeration(&self, mistakes: &mut Mistakes) {
        if let Some(topic) = &self.topic {
            mistakes.on(
                topic,
                "an enum without data is no message of its own; use a struct",
            );
        }
    }

    fn message(
        self,
        ident: &Ident,
        generics: &Generics,
        shape: Shape,
        mistakes: &mut Mistakes,
    ) -> Message {
        generics::check(generics, mistakes);
        let (name, span) = match &self.name {
            Some(name) => (name.value(), name.span()),
            None => (ident.unraw().to_string(), ident.span()),
        };
        if !name::is_identifier(&name) {
            let message = format!("`{name}` is not a name protobuf takes: `name = \"…\"`");
            mistakes.at(span, message);
        }
        let Self {
            package,
            within,
            topic,
            krate,
            reserved,
            about,
            serialize,
            deserialize,
            ..
        } = self;
        let (ident, generics) = (ident.clone(), generics.clone());
        Message {
            ident,
            generics,
            name,
            package,
            within,
            topic,
            krate,
            reserved,
            about,
            serialize,
            deserialize,
            shape,
            unsent: None,
        }
    }
}
