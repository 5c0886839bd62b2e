//! Attributes of an item that are not micro's: doc comments, `cfg`, `deprecated` and derives.

use proc_macro2::TokenTree;
use quote::ToTokens;
use syn::Attribute;

use crate::function;

/// Attributes of an item, field or variant that affect the generated code.
#[derive(Clone, Default)]
pub(crate) struct About {
    pub(crate) doc: String,
    pub(crate) deprecated: bool,
    pub(crate) cfg: Vec<Attribute>,
}

impl About {
    pub(crate) fn of(attributes: &[Attribute]) -> Self {
        Self {
            doc: function::doc(attributes),
            deprecated: attributes
                .iter()
                .any(|attribute| attribute.path().is_ident("deprecated")),
            cfg: function::cfgs(attributes),
        }
    }
}

/// Whether a derive below the attribute derives the trait `name`.
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
