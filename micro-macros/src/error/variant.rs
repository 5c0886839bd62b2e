//! The variants of an error: of which kind each is, and what it says.

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{format_ident, quote};
use syn::punctuated::Punctuated;
use syn::{Attribute, Fields, ItemEnum, LitStr, Token, parse_quote};

use crate::diag::Mistakes;
use crate::function;
use crate::message::model::HELPERS;
use crate::names;
use crate::suggest::unknown;

/// The kinds, as the functions that make errors of them are called.
pub(crate) const KINDS: &[&str] = &[
    "cancelled",
    "unknown",
    "invalid_argument",
    "deadline_exceeded",
    "not_found",
    "already_exists",
    "permission_denied",
    "resource_exhausted",
    "failed_precondition",
    "aborted",
    "out_of_range",
    "unimplemented",
    "internal",
    "unavailable",
    "data_loss",
    "unauthenticated",
];

/// One variant.
pub(super) struct Variant {
    pub(super) ident: Ident,
    pub(super) cfgs: Vec<Attribute>,
    pub(super) fields: Fields,
    pub(super) says: Says,
}

/// What a variant says.
pub(super) enum Says {
    /// A kind, in the spelling of `ErrorKind`, and a text.
    Own(Ident, LitStr),
    /// It holds all other errors.
    Other,
}

impl Variant {
    pub(super) fn is_other(&self) -> bool {
        matches!(self.says, Says::Other)
    }
}

/// What stands in `#[micro(…)]` on a variant, so far.
#[derive(Default)]
struct Found {
    kind: Option<Ident>,
    other: Option<Span>,
    text: Option<LitStr>,
}

/// Reads kinds and texts off the variants, and leaves what is the message's.
pub(super) fn take(item: &mut ItemEnum, mistakes: &mut Mistakes) -> Vec<Variant> {
    let mut variants = Vec::<Variant>::new();
    for variant in &mut item.variants {
        let mut found = Found::default();
        for attribute in &mut variant.attrs {
            if attribute.path().is_ident("micro") {
                found.read(attribute, mistakes);
            }
        }
        let cfgs = function::cfgs(&variant.attrs);
        if let (Some(_), Some(cfg)) = (found.other, cfgs.first()) {
            mistakes.on(
                cfg,
                "what callers get depends on `other`; it is there or not",
            );
        }
        let Some(says) = found.check(&variant.ident, &variant.fields, mistakes) else {
            continue;
        };
        if matches!(says, Says::Other) && variants.iter().any(Variant::is_other) {
            mistakes.on(
                &variant.ident,
                "one variant holds all other errors; keep one `other`",
            );
        }
        variants.push(Variant {
            ident: variant.ident.clone(),
            cfgs,
            fields: variant.fields.clone(),
            says,
        });
    }
    variants
}

impl Found {
    /// Takes what is ours out of one attribute, argument by argument.
    fn read(&mut self, attribute: &mut Attribute, mistakes: &mut Mistakes) {
        let Some(tokens) = mistakes.keep(attribute.parse_args::<TokenStream>()) else {
            return;
        };
        let mut rest: Punctuated<TokenStream, Token![,]> = Punctuated::new();
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let is_comma =
            |token: &TokenTree| matches!(token, TokenTree::Punct(it) if it.as_char() == ',');
        for argument in tokens.split(is_comma) {
            if !argument.is_empty() && !self.is_ours(argument, mistakes) {
                rest.push(argument.iter().cloned().collect());
            }
        }
        *attribute = parse_quote!(#[micro(#rest)]);
    }

    fn is_ours(&mut self, argument: &[TokenTree], mistakes: &mut Mistakes) -> bool {
        let [token] = argument else { return false };
        match token {
            TokenTree::Ident(word) if word == "other" => {
                self.other = Some(word.span());
                true
            }
            TokenTree::Ident(word) => {
                let name = word.to_string();
                if HELPERS.contains(&&*name) {
                    return false;
                }
                if !KINDS.contains(&&*name) {
                    mistakes.on(word, unknown("kind", &name, KINDS));
                } else if self.kind.is_some() {
                    mistakes.on(word, "an error has one kind; keep one");
                }
                self.kind.get_or_insert(word.clone());
                true
            }
            token => match syn::parse2::<LitStr>(quote!(#token)) {
                Ok(text) => {
                    if self.text.is_some() {
                        mistakes.on(&text, "an error says one thing; keep one text");
                    }
                    self.text.get_or_insert(text);
                    true
                }
                Err(_) => false,
            },
        }
    }

    fn check(self, ident: &Ident, fields: &Fields, mistakes: &mut Mistakes) -> Option<Says> {
        if let Some(span) = self.other {
            let is_one = matches!(fields, Fields::Unnamed(fields) if fields.unnamed.len() == 1);
            if !is_one {
                let message = format!("`other` goes on a variant `{ident}(micro::Error)`");
                mistakes.at(span, message);
            }
            if self.kind.is_some() || self.text.is_some() {
                mistakes.at(
                    span,
                    "an other error has its own kind and text; write `other` alone",
                );
            }
            return is_one.then_some(Says::Other);
        }
        match (self.kind, self.text) {
            (Some(kind), Some(text)) => {
                if text.value().trim().is_empty() {
                    mistakes.on(&text, "say what is wrong, in a sentence");
                }
                let kind = Ident::new(&names::pascal(&kind.to_string()), kind.span());
                Some(Says::Own(kind, text))
            }
            (kind, _) => {
                let what = if kind.is_some() {
                    "what it says"
                } else {
                    "its kind"
                };
                let kind = kind.unwrap_or_else(|| format_ident!("not_found"));
                let message = format!(
                    "each error has a kind and a text, and `{ident}` lacks {what}: \
                     `#[micro({kind}, \"…\")]`"
                );
                mistakes.on(ident, message);
                None
            }
        }
    }
}
