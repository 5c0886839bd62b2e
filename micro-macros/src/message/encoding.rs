//! `as = "sint32"`: how a field is written when its Rust type leaves a choice.

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::{Ident, LitStr};

use crate::diag::Mistakes;
use crate::suggest::unknown;

/// What can be written after `as`, and the marker that stands for it.
const KNOWN: &[(&str, &str)] = &[
    ("sint32", "Sint32"),
    ("sint64", "Sint64"),
    ("fixed32", "Fixed32"),
    ("fixed64", "Fixed64"),
    ("sfixed32", "Sfixed32"),
    ("sfixed64", "Sfixed64"),
    ("wrapper", "Wrapper"),
];

/// How a value is written.
#[derive(Clone)]
pub(crate) enum Encoding {
    One(&'static str),
    /// Keys and values of a map; `None` is the type's own way.
    Map(Option<&'static str>, Option<&'static str>),
}

impl Encoding {
    pub(crate) fn of(text: &LitStr, mistakes: &mut Mistakes) -> Option<Self> {
        let value = text.value();
        let part = |name: &str, mistakes: &mut Mistakes| {
            let found = KNOWN.iter().find(|(known, _)| *known == name);
            if found.is_none() {
                let known: Vec<_> = KNOWN.iter().map(|(known, _)| *known).collect();
                mistakes.on(text, unknown("encoding", name, &known));
            }
            found.map(|(_, marker)| *marker)
        };
        let map = value.strip_prefix("map<");
        let Some(map) = map.and_then(|map| map.strip_suffix('>')) else {
            return part(&value, mistakes).map(Self::One);
        };
        let Some((key, value)) = map.split_once(',') else {
            mistakes.on(text, "a map has keys and values: `as = \"map<sint32, _>\"`");
            return None;
        };
        let mut part = |name: &str| match name.trim() {
            "_" => None,
            name => part(name, mistakes),
        };
        Some(Self::Map(part(key), part(value)))
    }

    /// The marker type.
    pub(crate) fn marker(&self) -> TokenStream {
        let marker = |name: Option<&str>| {
            let ident = Ident::new(name.unwrap_or("Plain"), Span::call_site());
            quote!(__micro::encoding::#ident)
        };
        match self {
            Self::One(name) => marker(Some(name)),
            Self::Map(key, value) => {
                let (key, value) = (marker(*key), marker(*value));
                quote!((#key, #value))
            }
        }
    }
}
