//! The keys of `#[micro::message(…)]` that do not depend on the kind of item.

use proc_macro2::{Ident, Span};
use syn::ext::IdentExt;
use syn::{Attribute, Generics, LitStr, Path};

use crate::args::Args;
use crate::diag::Mistakes;
use crate::message::doc::{About, derives};
use crate::message::generics;
use crate::message::model::{Message, Shape};
use crate::message::reserved::Reserved;
use crate::names;
use crate::subscribe::check;

/// The parsed keys of the attribute.
pub(crate) struct Head {
    name: Option<LitStr>,
    package: Option<LitStr>,
    within: Option<Path>,
    pub(crate) oneof: Option<Span>,
    any: Option<Span>,
    topic: Option<LitStr>,
    krate: Option<Path>,
    pub(crate) reserved: Reserved,
    about: About,
    serialize: bool,
    deserialize: bool,
}

impl Head {
    pub(crate) fn take(
        attributes: &mut Vec<Attribute>,
        args: &mut Args,
        mistakes: &mut Mistakes,
    ) -> Self {
        let stray = attributes.extract_if(.., |attribute| attribute.path().is_ident("micro"));
        for attribute in stray {
            mistakes.on(
                attribute,
                "`#[micro(…)]` applies to fields and variants; write this key in \
                 `#[micro::message(…)]`",
            );
        }
        let head = Self {
            name: args.string("name", mistakes),
            package: args.string("package", mistakes),
            within: args.path("within", mistakes),
            oneof: args.flag("oneof", mistakes).map(|ident| ident.span()),
            any: args.flag("any", mistakes).map(|ident| ident.span()),
            topic: args.string("topic", mistakes),
            krate: args.path("crate", mistakes),
            reserved: Reserved::take(args, mistakes),
            about: About::of(attributes),
            serialize: !derives(attributes, "Serialize"),
            deserialize: !derives(attributes, "Deserialize"),
        };
        if let Some(topic) = &head.topic {
            if topic.value().is_empty() {
                let message = "the topic is empty; write for example `topic = \"greeter.greeted\"`";
                mistakes.on(topic, message);
            } else {
                check::topic(topic, mistakes);
            }
        }
        if let (Some(package), Some(_)) = (&head.package, &head.within) {
            mistakes.on(
                package,
                "`within` already sets the package; remove `package`",
            );
        }
        if let Some(package) = &head.package {
            names::check_package(package, mistakes);
        }
        head
    }

    pub(crate) fn refuse_on_oneof(&self, mistakes: &mut Mistakes) {
        let message = "a oneof is not a message of its own; write this on the struct that contains \
                       it";
        for text in [&self.topic, &self.package, &self.name]
            .into_iter()
            .flatten()
        {
            mistakes.on(text, message);
        }
        if let Some(path) = &self.within {
            mistakes.on(path, message);
        }
        if let Some(span) = self.any {
            mistakes.at(span, message);
        }
        self.reserved.refuse(message, mistakes);
    }

    pub(crate) fn refuse_on_enumeration(&self, mistakes: &mut Mistakes) {
        if let Some(topic) = &self.topic {
            mistakes.on(
                topic,
                "an enum without data is not a message of its own; use a struct that contains it",
            );
        }
        if let Some(span) = self.any {
            let message = "an enum without data is not a message of its own; use a struct that \
                           contains it";
            mistakes.at(span, message);
        }
    }

    pub(crate) fn message(
        self,
        ident: &Ident,
        generics: &Generics,
        shape: Shape,
        mistakes: &mut Mistakes,
    ) -> Message {
        generics::check(generics, mistakes);
        if let Some(span) = self.any.filter(|_| generics.type_params().next().is_some()) {
            mistakes.at(
                span,
                "`any` needs a message with one name; remove the type parameters or `any`",
            );
        }
        let (name, span) = match &self.name {
            Some(name) => (name.value(), name.span()),
            None => (ident.unraw().to_string(), ident.span()),
        };
        if !names::is_identifier(&name) {
            let message = format!(
                "`{name}` is not a protobuf name; write `name = \"…\"` with ASCII letters, digits \
                 and `_`"
            );
            mistakes.at(span, message);
        }
        let Self {
            package,
            within,
            any,
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
            any: any.is_some(),
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
