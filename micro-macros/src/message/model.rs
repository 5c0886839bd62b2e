//! The checked description of a message, and the place where its mistakes are found.

use proc_macro2::Ident;
use syn::ext::IdentExt;
use syn::punctuated::Punctuated;
use syn::{Attribute, GenericParam, Generics, ItemEnum, ItemStruct, LitInt, LitStr, Path, Token};

use crate::args::Args;
use crate::diag::Mistakes;
use crate::message::body::Body;
use crate::message::doc::{About, derives};
use crate::message::enumeration::Enumeration;
use crate::message::name;
use crate::message::tag;
use crate::message::variant::{self, Variant};

/// The keys of `#[micro::message(…)]`.
pub(crate) const KEYS: &[&str] = &["topic", "package", "name", "reserved", "crate"];

/// The keys of `#[micro(…)]` on fields and variants.
pub(crate) const HELPERS: &[&str] = &["tag", "name", "default", "other"];

/// A checked message.
pub(crate) struct Message {
    pub(crate) ident: Ident,
    pub(crate) generics: Generics,
    pub(crate) name: String,
    pub(crate) package: Option<LitStr>,
    pub(crate) topic: Option<LitStr>,
    pub(crate) krate: Option<Path>,
    pub(crate) reserved: Vec<u32>,
    pub(crate) about: About,
    /// Whether to implement serde's `Serialize` and `Deserialize`: not if the user does.
    pub(crate) serialize: bool,
    pub(crate) deserialize: bool,
    pub(crate) shape: Shape,
}

/// What kind of item it is.
pub(crate) enum Shape {
    Struct(Body),
    /// An enum with data.
    Choice(Vec<Variant>),
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
        let body = Body::of(&mut item.fields, &head.reserved, mistakes);
        head.message(&item.ident, &item.generics, Shape::Struct(body), mistakes)
    }

    pub(crate) fn of_enum(item: &mut ItemEnum, args: &mut Args, mistakes: &mut Mistakes) -> Self {
        let head = Head::take(&mut item.attrs, args, mistakes);
        if item.variants.is_empty() {
            mistakes.on(&item.ident, "an enum without variants has no value to send");
        }
        let shape = if variant::has_data(item) {
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
    topic: Option<LitStr>,
    krate: Option<Path>,
    reserved: Vec<u32>,
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
            topic: args.string("topic", mistakes),
            krate: args.path("crate", mistakes),
            reserved: reserved(args, mistakes),
            about: About::of(attributes),
            serialize: !derives(attributes, "Serialize"),
            deserialize: !derives(attributes, "Deserialize"),
        };
        if let Some(topic) = head.topic.as_ref().filter(|topic| topic.value().is_empty()) {
            mistakes.on(
                topic,
                "a topic has a name, for example `topic = \"greeter.greeted\"`",
            );
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
        check_generics(generics, mistakes);
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
            topic,
            krate,
            reserved,
            about,
            serialize,
            deserialize,
            shape,
        }
    }
}

fn check_generics(generics: &Generics, mistakes: &mut Mistakes) {
    for param in &generics.params {
        match param {
            GenericParam::Lifetime(param) => mistakes.on(
                param,
                "a message owns its data: use `String`, `Vec` or `Bytes` instead of a reference",
            ),
            GenericParam::Const(param) => {
                mistakes.on(param, "a message takes no const parameters; only types");
            }
            GenericParam::Type(_) => {}
        }
    }
}

fn reserved(args: &mut Args, mistakes: &mut Mistakes) -> Vec<u32> {
    let Some((span, tokens)) = args.list("reserved", mistakes) else {
        return Vec::new();
    };
    let parser = Punctuated::<LitInt, Token![,]>::parse_terminated;
    let Some(list) = mistakes.keep(syn::parse::Parser::parse2(parser, tokens)) else {
        return Vec::new();
    };
    if list.is_empty() {
        mistakes.at(span, "name the numbers: `reserved(2, 5)`");
    }
    list.iter()
        .filter_map(|number| tag::tag(number, mistakes))
        .collect()
}
