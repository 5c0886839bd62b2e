//! `as = "sint32"`: the encoding of a field whose Rust type has several encodings in protobuf.

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::{Ident, LitStr};

use crate::diag::Mistakes;
use crate::suggest::unknown;

/// The values of `as`, with the marker type of each.
const KNOWN: &[(&str, &str)] = &[
    ("sint32", "Sint32"),
    ("sint64", "Sint64"),
    ("fixed32", "Fixed32"),
    ("fixed64", "Fixed64"),
    ("sfixed32", "Sfixed32"),
    ("sfixed64", "Sfixed64"),
    ("wrapper", "Wrapper"),
];

/// The encoding of a value.
#[derive(Clone)]
pub(crate) enum Encoding {
    One(&'static str),
    /// The encodings of the keys and values of a map. `None` is the default of the type.
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
            mistakes.on(
                text,
                "`map<…>` needs an encoding for keys and one for values; write for example \
                 `as = \"map<sint32, _>\"`",
            );
            return None;
        };
        let mut part = |name: &str| match name.trim() {
            "_" => None,
            name => part(name, mistakes),
        };
        Some(Self::Map(part(key), part(value)))
    }

    /// Returns the marker type.
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
