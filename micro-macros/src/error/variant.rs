//! The variants of an error enum: the kind and the text of each.

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{format_ident, quote};
use syn::punctuated::Punctuated;
use syn::{Attribute, Fields, ItemEnum, LitStr, Token, parse_quote};

use crate::diag::Mistakes;
use crate::function;
use crate::message::model::HELPERS;
use crate::names;
use crate::suggest::unknown;

/// The error kinds, in the spelling of the constructors of `micro::Error`.
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

/// The error of a variant.
pub(super) enum Says {
    /// An error kind, in the spelling of `ErrorKind`, and the error text.
    Own(Ident, LitStr),
    /// The variant holds all other errors.
    Other,
}

impl Variant {
    pub(super) fn is_other(&self) -> bool {
        matches!(self.says, Says::Other)
    }
}

/// The keys found so far in the `#[micro(…)]` attributes of a variant.
#[derive(Default)]
struct Found {
    kind: Option<Ident>,
    other: Option<Span>,
    text: Option<LitStr>,
}

/// Removes kinds and texts from the variants. The keys of the message stay.
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
                "a variant with `other` cannot have `#[cfg]`, because the client's error type \
                 depends on it; remove `#[cfg]`",
            );
        }
        let Some(says) = found.check(&variant.ident, &variant.fields, mistakes) else {
            continue;
        };
        if matches!(says, Says::Other) && variants.iter().any(Variant::is_other) {
            mistakes.on(
                &variant.ident,
                "only one variant can have `other`; remove it from one of them",
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
    /// Removes kind, text and `other` from one attribute, and keeps its other arguments.
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
                    mistakes.on(word, unknown("error kind", &name, KINDS));
                } else if self.kind.is_some() {
                    let message =
                        format!("a variant has one error kind; remove `{name}` or the other one");
                    mistakes.on(word, message);
                }
                self.kind.get_or_insert(word.clone());
                true
            }
            token => match syn::parse2::<LitStr>(quote!(#token)) {
                Ok(text) => {
                    if self.text.is_some() {
                        mistakes.on(&text, "a variant has one error text; remove one of them");
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
                let message = format!(
                    "a variant with `other` must hold one `micro::Error`; write \
                     `{ident}(micro::Error)`"
                );
                mistakes.at(span, message);
            }
            if self.kind.is_some() || self.text.is_some() {
                mistakes.at(
                    span,
                    "a variant with `other` takes kind and text from the error that it holds; \
                     write `other` alone",
                );
            }
            return is_one.then_some(Says::Other);
        }
        match (self.kind, self.text) {
            (Some(kind), Some(text)) => {
                if text.value().trim().is_empty() {
                    mistakes.on(
                        &text,
                        "the error text is empty; describe the error in a sentence",
                    );
                }
                let kind = Ident::new(&names::pascal(&kind.to_string()), kind.span());
                Some(Says::Own(kind, text))
            }
            (kind, _) => {
                let what = if kind.is_some() { "text" } else { "kind" };
                let kind = kind.unwrap_or_else(|| format_ident!("not_found"));
                let message = format!(
                    "the variant `{ident}` has no error {what}; write `#[micro({kind}, \"…\")]`"
                );
                mistakes.on(ident, message);
                None
            }
        }
    }
}
