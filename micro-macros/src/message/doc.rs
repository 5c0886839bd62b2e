//! What stands on an item beside our own attributes: doc comment, `cfg`, `deprecated`, derives.

use proc_macro2::TokenTree;
use quote::ToTokens;
use syn::{Attribute, Expr, ExprLit, Lit, Meta};

/// What is forwarded from an item, field or variant.
#[derive(Clone, Default)]
pub(crate) struct About {
    pub(crate) doc: String,
    pub(crate) deprecated: bool,
    pub(crate) cfg: Vec<Attribute>,
}

impl About {
    pub(crate) fn of(attributes: &[Attribute]) -> Self {
        let lines: Vec<_> = attributes.iter().filter_map(doc_line).collect();
        Self {
            doc: lines.join("\n"),
            deprecated: attributes
                .iter()
                .any(|attribute| attribute.path().is_ident("deprecated")),
            cfg: attributes
                .iter()
                .filter(|it| it.path().is_ident("cfg"))
                .cloned()
                .collect(),
        }
    }
}

fn doc_line(attribute: &Attribute) -> Option<String> {
    match &attribute.meta {
        Meta::NameValue(meta) if meta.path.is_ident("doc") => match &meta.value {
            Expr::Lit(ExprLit {
                lit: Lit::Str(text),
                ..
            }) => {
                let text = text.value();
                Some(
                    text.strip_prefix(' ')
                        .unwrap_or(&text)
                        .trim_end()
                        .to_owned(),
                )
            }
            _ => None,
        },
        _ => None,
    }
}

/// Whether a derive below our attribute names a trait.
pub(crate) fn derives(attributes: &[Attribute], name: &str) -> bool {
    let derives = attributes
        .iter()
        .filter(|attribute| attribute.path().is_ident("derive"));
    derives
        .flat_map(|attribute| attribute.meta.to_token_stream())
        .any(|token| match token {
            TokenTree::Group(group) => group
                .stream()
                .into_iter()
                .any(|token| matches!(token, TokenTree::Ident(ident) if ident == name)),
            _ => false,
        })
}
