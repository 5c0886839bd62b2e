//! The checked variants of an enum with data, which is a oneof in protobuf.

use proc_macro2::{Ident, TokenStream, TokenTree};
use quote::format_ident;
use syn::ext::IdentExt;
use syn::{Fields, ItemEnum, Member, Type, Variant as SynVariant};

use crate::diag::Mistakes;
use crate::message::body::{Body, Helpers, refuse_reference};
use crate::message::doc::About;
use crate::message::encoding::Encoding;
use crate::message::name;
use crate::message::reserved::Reserved;
use crate::message::tag;

/// One variant.
pub(crate) struct Variant {
    pub(crate) ident: Ident,
    pub(crate) slot: Ident,
    pub(crate) tag: u32,
    pub(crate) name: String,
    pub(crate) json: String,
    /// The encoding of the value, if it is not the default of the type.
    pub(crate) encoding: Option<Encoding>,
    pub(crate) about: About,
    pub(crate) content: Content,
}

impl Variant {
    /// Whether the variant holds no value.
    pub(crate) fn ident_only(&self) -> bool {
        matches!(self.content, Content::Nothing)
    }

    /// Whether the variant holds several values.
    pub(crate) fn several(&self) -> bool {
        matches!(self.content, Content::Several(_))
    }
}

/// The content of a variant.
pub(crate) enum Content {
    /// No value, encoded as `google.protobuf.Empty`.
    Nothing,
    /// One value.
    One(Member, Box<Type>),
    /// Several values, encoded as a nested message.
    Several(Body),
}

/// Whether any variant but `other` holds a value.
pub(crate) fn has_data(item: &ItemEnum) -> bool {
    item.variants
        .iter()
        .any(|variant| !matches!(variant.fields, Fields::Unit) && !is_other(variant))
}

/// Whether a variant is marked `#[micro(other)]`.
pub(crate) fn is_other(variant: &SynVariant) -> bool {
    variant.attrs.iter().any(|attribute| {
        attribute.path().is_ident("micro")
            && attribute.parse_args::<TokenStream>().is_ok_and(|tokens| {
                let mut tokens = tokens.into_iter();
                tokens.any(|token| matches!(token, TokenTree::Ident(ident) if ident == "other"))
            })
    })
}

/// Checks the variants of an enum with data.
pub(crate) fn variants(
    item: &mut ItemEnum,
    reserved: &Reserved,
    mistakes: &mut Mistakes,
) -> Vec<Variant> {
    let generic = item.generics.type_params().next().is_some();
    let mut tags = Vec::new();
    let mut list = Vec::<Variant>::new();
    for (index, variant) in item.variants.iter_mut().enumerate() {
        let helpers = Helpers::of(&mut variant.attrs, mistakes);
        refuse_useless(variant, &helpers, mistakes);
        let plain = name::snake(&variant.ident.unraw().to_string());
        let (name, span) = helpers.name.unwrap_or((plain, variant.ident.span()));
        name::check(&name, span, mistakes);
        if list.iter().any(|before| before.name == name) {
            mistakes.at(
                span,
                format!("the name `{name}` is used twice; rename one of them"),
            );
        }
        if reserved.has_name(&name) {
            mistakes.at(
                span,
                format!("the name `{name}` is reserved; use another name"),
            );
        }
        tags.push((
            helpers.tag_span.unwrap_or_else(|| variant.ident.span()),
            helpers.tag,
        ));
        let content = content(variant, generic, mistakes);
        list.push(Variant {
            ident: variant.ident.clone(),
            slot: format_ident!("__v{index}"),
            tag: 0,
            json: name::json(helpers.json, &name, mistakes),
            name,
            encoding: helpers.encoding,
            about: About::of(&variant.attrs),
            content,
        });
    }
    for (variant, tag) in list.iter_mut().zip(tag::number(&tags, reserved, mistakes)) {
        variant.tag = tag;
    }
    list
}

fn refuse_useless(variant: &SynVariant, helpers: &Helpers, mistakes: &mut Mistakes) {
    if let Some((_, number)) = &variant.discriminant {
        mistakes.on(
            number,
            "a variant of an enum with data is numbered by its tag; write `#[micro(tag = 3)]`",
        );
    }
    for (key, span) in [
        ("default", helpers.default_span),
        ("oneof", helpers.oneof),
        ("unpacked", helpers.unpacked),
    ] {
        if let Some(span) = span {
            mistakes.at(
                span,
                format!("`{key}` applies to a field, not to a variant; remove it"),
            );
        }
    }
    if let Some(alias) = helpers.aliases.first() {
        mistakes.on(
            alias,
            "`alias` applies only to a variant of an enum without data; remove it",
        );
    }
    if let Some(span) = helpers.encoding_span.filter(|_| !is_one(variant)) {
        mistakes.at(
            span,
            "`as` applies only to a variant that holds one value; remove it",
        );
    }
    if let Some(span) = helpers.other {
        mistakes.at(
            span,
            "`other` applies only to a variant such as `Unknown(i32)` of an enum without data; \
             remove it",
        );
    }
}

fn is_one(variant: &SynVariant) -> bool {
    matches!(&variant.fields, Fields::Unnamed(fields) if fields.unnamed.len() == 1)
}

fn content(variant: &mut SynVariant, generic: bool, mistakes: &mut Mistakes) -> Content {
    let count = variant.fields.len();
    if count == 0 {
        return Content::Nothing;
    }
    let unnamed = matches!(variant.fields, Fields::Unnamed(_));
    if unnamed
        && count == 1
        && let Some(field) = variant.fields.iter_mut().next()
    {
        let before = field.attrs.len();
        field
            .attrs
            .retain(|attribute| !attribute.path().is_ident("micro"));
        if field.attrs.len() < before {
            mistakes.on(
                &field.ty,
                "`#[micro(…)]` belongs on the variant, not on its value; move it there",
            );
        }
        refuse_reference(&field.ty, mistakes);
        return Content::One(Member::Unnamed(0.into()), Box::new(field.ty.clone()));
    }
    if generic {
        let message = "a variant of a generic enum holds at most one value; move these fields into \
                       a struct";
        mistakes.on(&variant.ident, message);
    }
    Content::Several(Body::of(
        &mut variant.fields,
        &Reserved::default(),
        mistakes,
    ))
}
