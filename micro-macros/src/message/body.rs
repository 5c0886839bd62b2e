//! The fields of a struct, or of a variant with several.

use proc_macro2::{Ident, Span};
use quote::format_ident;
use syn::ext::IdentExt;
use syn::parse::Parser;
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{Attribute, Fields, Index, LitStr, Member, Token, Type};

use crate::args::Args;
use crate::diag::Mistakes;
use crate::message::doc::About;
use crate::message::encoding::Encoding;
use crate::message::model::HELPERS;
use crate::message::name;
use crate::message::reserved::Reserved;
use crate::message::tag;

/// The fields of a struct, or of a variant with several.
pub(crate) struct Body {
    pub(crate) fields: Vec<Field>,
}

/// One field.
#[derive(Clone)]
pub(crate) struct Field {
    pub(crate) member: Member,
    /// The local variable that holds the field in generated code.
    pub(crate) slot: Ident,
    pub(crate) ty: Type,
    pub(crate) tag: u32,
    pub(crate) name: String,
    pub(crate) json: String,
    /// The encoding, if it is not the default of the type.
    pub(crate) encoding: Option<Encoding>,
    /// Whether a list is encoded unpacked, one record per item.
    pub(crate) unpacked: bool,
    /// The span of `oneof`, if the field holds a oneof whose variants are fields of this message.
    pub(crate) oneof: Option<Span>,
    /// Whether an absent field is `Default::default()`.
    pub(crate) default: bool,
    pub(crate) about: About,
}

impl Body {
    pub(crate) fn of(fields: &mut Fields, reserved: &Reserved, mistakes: &mut Mistakes) -> Self {
        let count = fields.len();
        let mut tags = Vec::new();
        let mut list = Vec::new();
        for (index, field) in fields.iter_mut().enumerate() {
            let mut args = Args::take_helpers(&mut field.attrs, HELPERS, mistakes);
            let member = match &field.ident {
                Some(ident) => Member::Named(ident.clone()),
                None => Member::Unnamed(Index::from(index)),
            };
            refuse_reference(&field.ty, mistakes);
            let helpers = Helpers::take(&mut args, mistakes);
            helpers.refuse_on_field(mistakes);
            let plain = match &member {
                Member::Named(ident) => ident.unraw().to_string(),
                Member::Unnamed(_) if count == 1 => "value".to_owned(),
                Member::Unnamed(_) => format!("value{}", index + 1),
            };
            let span = field.ident.as_ref().map_or(field.ty.span(), Ident::span);
            let (name, name_span) = helpers.name.unwrap_or((plain, span));
            name::check(&name, name_span, mistakes);
            if reserved.has_name(&name) {
                mistakes.at(
                    name_span,
                    format!("the name `{name}` is reserved; use another name"),
                );
            }
            if helpers.oneof.is_none() {
                tags.push((helpers.tag_span.unwrap_or(span), helpers.tag));
            }
            list.push(Field {
                member,
                slot: format_ident!("__f{index}"),
                ty: field.ty.clone(),
                tag: 0,
                json: name::json(helpers.json, &name, mistakes),
                name,
                encoding: helpers.encoding,
                unpacked: helpers.unpacked.is_some(),
                oneof: helpers.oneof,
                default: helpers.default,
                about: About::of(&field.attrs),
            });
            refuse_twice(&list, name_span, mistakes);
        }
        let has_oneof = tags.len() < list.len();
        if let Some((span, _)) = tags.iter().find(|(_, tag)| has_oneof && tag.is_none()) {
            let message = "next to a `oneof` every field needs a field number; write \
                           `#[micro(tag = …)]`";
            mistakes.at(*span, message);
        }
        let tags = tag::number(&tags, reserved, mistakes);
        let plain = list.iter_mut().filter(|field| field.oneof.is_none());
        for (field, tag) in plain.zip(tags) {
            field.tag = tag;
        }
        Self { fields: list }
    }

    /// Returns the span of the first `oneof`.
    pub(crate) fn oneof(&self) -> Option<Span> {
        self.fields.iter().find_map(|field| field.oneof)
    }
}

impl Field {
    /// Returns the field as a field of a variant's helper struct, where it is named like its slot.
    pub(crate) fn in_helper(&self) -> Self {
        Self {
            member: Member::Named(self.slot.clone()),
            ..self.clone()
        }
    }
}

/// The parsed keys of `#[micro(…)]` on a field or variant.
pub(crate) struct Helpers {
    pub(crate) tag: Option<u32>,
    pub(crate) tag_span: Option<Span>,
    pub(crate) name: Option<(String, Span)>,
    pub(crate) json: Option<LitStr>,
    pub(crate) encoding: Option<Encoding>,
    pub(crate) encoding_span: Option<Span>,
    pub(crate) unpacked: Option<Span>,
    pub(crate) oneof: Option<Span>,
    pub(crate) default: bool,
    pub(crate) default_span: Option<Span>,
    pub(crate) other: Option<Span>,
    pub(crate) aliases: Vec<LitStr>,
}

impl Helpers {
    /// Parses the keys of fields and variants.
    pub(crate) fn take(args: &mut Args, mistakes: &mut Mistakes) -> Self {
        let number = args.integer("tag", mistakes);
        let name = args.string("name", mistakes);
        let default = args.flag("default", mistakes);
        let encoding = args.string("as", mistakes);
        let span = |flag: Option<Ident>| flag.map(|ident| ident.span());
        Self {
            json: args.string("json", mistakes),
            encoding_span: encoding.as_ref().map(LitStr::span),
            encoding: encoding.and_then(|text| Encoding::of(&text, mistakes)),
            unpacked: span(args.flag("unpacked", mistakes)),
            oneof: span(args.flag("oneof", mistakes)),
            aliases: aliases(args, mistakes),
            tag_span: number.as_ref().map(syn::LitInt::span),
            tag: number.and_then(|number| tag::tag(&number, mistakes)),
            name: name.map(|name| (name.value(), name.span())),
            default: default.is_some(),
            default_span: default.map(|ident| ident.span()),
            other: args.flag("other", mistakes).map(|ident| ident.span()),
        }
    }

    /// Returns the keys that do not apply to a variant of an enum without data.
    pub(crate) fn of_fields(&self) -> impl Iterator<Item = (&'static str, Span)> {
        let keys = [
            ("json", self.json.as_ref().map(LitStr::span)),
            ("default", self.default_span),
            ("as", self.encoding_span),
            ("unpacked", self.unpacked),
            ("oneof", self.oneof),
        ];
        keys.into_iter()
            .filter_map(|(key, span)| Some((key, span?)))
    }

    /// Rejects keys that do not apply to a field, and keys that exclude each other.
    fn refuse_on_field(&self, mistakes: &mut Mistakes) {
        if let Some(span) = self.other {
            let message = "`other` applies to a variant such as `Unknown(i32)`, not to a field; \
                           remove it";
            mistakes.at(span, message);
        }
        if let Some(alias) = self.aliases.first() {
            mistakes.on(
                alias,
                "`alias` applies only to a variant of an enum without data; remove it",
            );
        }
        if let Some(span) = self.unpacked.filter(|_| self.encoding_is_map()) {
            mistakes.at(
                span,
                "`unpacked` applies only to a list, not to a map; remove it",
            );
        }
        if self.oneof.is_some() {
            let others = [
                self.tag_span,
                self.encoding_span,
                self.unpacked,
                self.default_span,
            ];
            for span in others.into_iter().flatten() {
                mistakes.at(
                    span,
                    "this key belongs on the variants of the oneof; move it there",
                );
            }
        }
    }

    fn encoding_is_map(&self) -> bool {
        matches!(self.encoding, Some(Encoding::Map(..)))
    }

    /// Removes `#[micro(…)]` from the attributes and parses it.
    pub(crate) fn of(attributes: &mut Vec<Attribute>, mistakes: &mut Mistakes) -> Self {
        Self::take(
            &mut Args::take_helpers(attributes, HELPERS, mistakes),
            mistakes,
        )
    }
}

/// Removes `alias("RUNNING", "GOING")`.
fn aliases(args: &mut Args, mistakes: &mut Mistakes) -> Vec<LitStr> {
    let Some((span, tokens)) = args.list("alias", mistakes) else {
        return Vec::new();
    };
    let parsed = Punctuated::<LitStr, Token![,]>::parse_terminated.parse2(tokens);
    let names: Vec<LitStr> = mistakes.keep(parsed).into_iter().flatten().collect();
    if names.is_empty() && mistakes.is_empty() {
        mistakes.at(
            span,
            "`alias` needs at least one name; write for example `alias(\"RUNNING\")`",
        );
    }
    names
}

/// Rejects references, which are never fields. All other types are checked by the compiler.
pub(crate) fn refuse_reference(ty: &Type, mistakes: &mut Mistakes) {
    if let Type::Reference(reference) = ty {
        let instead = match &*reference.elem {
            Type::Path(path) if path.path.is_ident("str") => "String",
            Type::Slice(_) => "Vec",
            _ => "the value itself",
        };
        let instead = if instead.contains(' ') {
            instead.to_owned()
        } else {
            format!("`{instead}`")
        };
        mistakes.on(
            ty,
            format!("a message must own its data; write {instead} instead of a reference"),
        );
    }
}

fn refuse_twice(list: &[Field], span: Span, mistakes: &mut Mistakes) {
    if let Some((last, before)) = list.split_last()
        && before
            .iter()
            .any(|field| field.name == last.name || field.json == last.json)
    {
        mistakes.at(
            span,
            format!("the name `{}` is used twice; rename one of them", last.name),
        );
    }
}
