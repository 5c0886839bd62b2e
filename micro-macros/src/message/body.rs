//! The fields of a struct, or of a variant with several.

use proc_macro2::{Ident, Span};
use quote::format_ident;
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Attribute, Fields, Index, Member, Type};

use crate::args::Args;
use crate::diag::Mistakes;
use crate::message::doc::About;
use crate::message::model::HELPERS;
use crate::message::name;
use crate::message::tag;

/// The fields of a struct, or of a variant with several.
pub(crate) struct Body {
    pub(crate) fields: Vec<Field>,
}

/// One field.
#[derive(Clone)]
pub(crate) struct Field {
    pub(crate) member: Member,
    /// The local that holds it in generated code.
    pub(crate) slot: Ident,
    pub(crate) ty: Type,
    pub(crate) tag: u32,
    pub(crate) name: String,
    pub(crate) json: String,
    /// Whether absent means `Default::default()`.
    pub(crate) default: bool,
    pub(crate) about: About,
}

impl Body {
    pub(crate) fn of(fields: &mut Fields, reserved: &[u32], mistakes: &mut Mistakes) -> Self {
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
            if let Some(span) = helpers.other {
                mistakes.at(
                    span,
                    "`other` goes on a variant `Unknown(i32)`, not on a field",
                );
            }
            let plain = match &member {
                Member::Named(ident) => ident.unraw().to_string(),
                Member::Unnamed(_) if count == 1 => "value".to_owned(),
                Member::Unnamed(_) => format!("value{}", index + 1),
            };
            let span = field.ident.as_ref().map_or(field.ty.span(), Ident::span);
            let (name, name_span) = helpers.name.unwrap_or((plain, span));
            name::check(&name, name_span, mistakes);
            tags.push((helpers.tag_span.unwrap_or(span), helpers.tag));
            list.push(Field {
                member,
                slot: format_ident!("__f{index}"),
                ty: field.ty.clone(),
                tag: 0,
                json: name::camel(&name),
                name,
                default: helpers.default,
                about: About::of(&field.attrs),
            });
            refuse_twice(&list, name_span, mistakes);
        }
        let tags = tag::number(&tags, reserved, mistakes);
        for (field, tag) in list.iter_mut().zip(tags) {
            field.tag = tag;
        }
        Self { fields: list }
    }
}

impl Field {
    /// The same field in a variant's hidden struct, where it is named like its slot.
    pub(crate) fn in_helper(&self) -> Self {
        Self {
            member: Member::Named(self.slot.clone()),
            ..self.clone()
        }
    }
}

/// What `#[micro(…)]` says on a field or variant.
pub(crate) struct Helpers {
    pub(crate) tag: Option<u32>,
    pub(crate) tag_span: Option<Span>,
    pub(crate) name: Option<(String, Span)>,
    pub(crate) default: bool,
    pub(crate) default_span: Option<Span>,
    pub(crate) other: Option<Span>,
}

impl Helpers {
    /// Reads what stands on a field or variant, all keys at once.
    pub(crate) fn take(args: &mut Args, mistakes: &mut Mistakes) -> Self {
        let number = args.integer("tag", mistakes);
        let name = args.string("name", mistakes);
        let default = args.flag("default", mistakes);
        Self {
            tag_span: number.as_ref().map(syn::LitInt::span),
            tag: number.and_then(|number| tag::tag(&number, mistakes)),
            name: name.map(|name| (name.value(), name.span())),
            default: default.is_some(),
            default_span: default.map(|ident| ident.span()),
            other: args.flag("other", mistakes).map(|ident| ident.span()),
        }
    }

    /// The same, straight from the attributes.
    pub(crate) fn of(attributes: &mut Vec<Attribute>, mistakes: &mut Mistakes) -> Self {
        Self::take(
            &mut Args::take_helpers(attributes, HELPERS, mistakes),
            mistakes,
        )
    }
}

/// References never are fields; everything else is left to the compiler, which knows the types.
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
        mistakes.on(ty, format!("a message owns its data; write {instead}"));
    }
}

fn refuse_twice(list: &[Field], span: Span, mistakes: &mut Mistakes) {
    if let Some((last, before)) = list.split_last()
        && before
            .iter()
            .any(|field| field.name == last.name || field.json == last.json)
    {
        mistakes.at(span, format!("the name `{}` is used twice", last.name));
    }
}
