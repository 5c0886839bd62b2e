//! The argument grammar that all attributes share: `"positional"`, `key`, `key = value` and
//! `key(…)`, separated by commas.
//!
//! Rejects unknown keys (and names the nearest known one), duplicate keys and values of the wrong
//! kind. The meaning of a key is defined by the attribute.

mod arg;
mod measure;

use proc_macro2::{Ident, Span, TokenStream};
use syn::ext::IdentExt;
use syn::parse::Parser;
use syn::punctuated::Punctuated;
use syn::{Attribute, Expr, ExprLit, ExprPath, Lit, LitInt, LitStr, Path, Token, Type, TypePath};

use crate::diag::Mistakes;
use crate::suggest::unknown;

pub(crate) use self::arg::{Arg, Value};

/// The arguments of one attribute, checked against the keys that the attribute has.
#[derive(Default)]
pub(crate) struct Args {
    list: Vec<Arg>,
    /// Keys that may be repeated, each time as `key(…)`.
    repeated: &'static [&'static str],
}

impl Args {
    /// Parses the tokens in the attribute's parentheses. `known` are the keys of the attribute.
    pub(crate) fn parse(tokens: TokenStream, known: &[&str], mistakes: &mut Mistakes) -> Self {
        Self::parse_repeating(tokens, known, &[], mistakes)
    }

    /// Like [`parse`](Self::parse), but the keys in `repeated` may be given several times as
    /// `key(…)`. [`take`](Self::take) returns them one after the other.
    pub(crate) fn parse_repeating(
        tokens: TokenStream,
        known: &[&str],
        repeated: &'static [&'static str],
        mistakes: &mut Mistakes,
    ) -> Self {
        let parsed = Punctuated::<Arg, Token![,]>::parse_terminated.parse2(tokens);
        let mut args = Self {
            repeated,
            ..Self::default()
        };
        for arg in mistakes.keep(parsed).into_iter().flatten() {
            args.add(arg, known, mistakes);
        }
        args
    }

    /// Removes every `#[micro(…)]` from `attributes` and parses them as one list.
    pub(crate) fn take_helpers(
        attributes: &mut Vec<Attribute>,
        known: &[&str],
        mistakes: &mut Mistakes,
    ) -> Self {
        let mut args = Self::default();
        for attribute in attributes.extract_if(.., |attribute| attribute.path().is_ident("micro")) {
            let parsed = attribute.parse_args_with(Punctuated::<Arg, Token![,]>::parse_terminated);
            let parsed = mistakes.keep(parsed).into_iter().flatten();
            for arg in parsed {
                args.add(arg, known, mistakes);
            }
        }
        args
    }

    fn add(&mut self, arg: Arg, known: &[&str], mistakes: &mut Mistakes) {
        if let Some(key) = &arg.key {
            let name = key.unraw().to_string();
            if !known.contains(&name.as_str()) {
                mistakes.at(key.span(), unknown("key", &name, known));
                return;
            }
            let before = self.find(&name).map(|index| &self.list[index].value);
            let repeats = matches!((before, &arg.value), (Some(Value::List(_)), Value::List(_)))
                && self.repeated.contains(&name.as_str());
            if before.is_some() && !repeats {
                mistakes.at(
                    key.span(),
                    format!("`{name}` is given twice; remove one of them"),
                );
                return;
            }
        }
        self.list.push(arg);
    }

    fn find(&self, name: &str) -> Option<usize> {
        self.list
            .iter()
            .position(|arg| arg.key.as_ref().is_some_and(|key| key.unraw() == name))
    }

    /// Removes an argument; returns its span, and its expression if it has one.
    fn value(&mut self, name: &str) -> Option<(Span, Option<Expr>)> {
        let arg = self.take(name)?;
        let place = arg.span();
        match arg.value {
            Value::Expr(expr) => Some((place, Some(*expr))),
            _ => Some((place, None)),
        }
    }

    /// Removes an argument with any kind of value.
    pub(crate) fn take(&mut self, name: &str) -> Option<Arg> {
        self.find(name).map(|index| self.list.remove(index))
    }

    /// Removes the next positional literal.
    pub(crate) fn positional(&mut self) -> Option<Arg> {
        let index = self.list.iter().position(|arg| arg.key.is_none())?;
        Some(self.list.remove(index))
    }

    /// Removes `name = "text"`.
    pub(crate) fn string(&mut self, name: &str, mistakes: &mut Mistakes) -> Option<LitStr> {
        let (place, expr) = self.value(name)?;
        match expr {
            Some(Expr::Lit(ExprLit {
                lit: Lit::Str(text),
                ..
            })) => Some(text),
            _ => wrong(
                place,
                &format!("`{name}` takes a string; write `{name} = \"…\"`"),
                mistakes,
            ),
        }
    }

    /// Removes `name = 3`.
    pub(crate) fn integer(&mut self, name: &str, mistakes: &mut Mistakes) -> Option<LitInt> {
        let (place, expr) = self.value(name)?;
        match expr {
            Some(Expr::Lit(ExprLit {
                lit: Lit::Int(number),
                ..
            })) => Some(number),
            _ => wrong(
                place,
                &format!("`{name}` takes a number; write for example `{name} = 3`"),
                mistakes,
            ),
        }
    }

    /// Removes `name = some::path`.
    pub(crate) fn path(&mut self, name: &str, mistakes: &mut Mistakes) -> Option<Path> {
        let (place, expr) = self.value(name)?;
        match expr {
            Some(Expr::Path(ExprPath {
                qself: None, path, ..
            })) => Some(path),
            _ => wrong(
                place,
                &format!("`{name}` takes a path; write `{name} = some::path`"),
                mistakes,
            ),
        }
    }

    /// Removes `name = Some::Type<…>`.
    pub(crate) fn ty(&mut self, name: &str, mistakes: &mut Mistakes) -> Option<Type> {
        let arg = self.take(name)?;
        let place = arg.span();
        match arg.value {
            Value::Type(ty) => return Some(*ty),
            Value::Expr(expr) => {
                if let Expr::Path(ExprPath { attrs, qself, path }) = *expr {
                    return Some(Type::Path(TypePath { attrs, qself, path }));
                }
            }
            _ => {}
        }
        wrong(
            place,
            &format!("`{name}` takes a type; write `{name} = Type`"),
            mistakes,
        )
    }

    /// Removes `name = expression`, with any expression.
    pub(crate) fn expr(&mut self, name: &str, mistakes: &mut Mistakes) -> Option<Expr> {
        let (place, expr) = self.value(name)?;
        expr.or_else(|| {
            wrong(
                place,
                &format!("`{name}` takes a value; write `{name} = …`"),
                mistakes,
            )
        })
    }

    /// Removes the flag `name`.
    pub(crate) fn flag(&mut self, name: &str, mistakes: &mut Mistakes) -> Option<Ident> {
        let arg = self.take(name)?;
        if matches!(arg.value, Value::Flag) {
            return arg.key;
        }
        wrong(
            arg.span(),
            &format!("`{name}` is a flag; write it without a value"),
            mistakes,
        )
    }

    /// Removes `name(…)`; returns the span of the key and the tokens between the parentheses.
    pub(crate) fn list(
        &mut self,
        name: &str,
        mistakes: &mut Mistakes,
    ) -> Option<(Span, TokenStream)> {
        let arg = self.take(name)?;
        let span = arg.span();
        match arg.value {
            Value::List(tokens) => Some((span, tokens)),
            _ => wrong(
                span,
                &format!("`{name}` takes a list; write `{name}(…)`"),
                mistakes,
            ),
        }
    }

    /// Reports positional literals that no method of the attribute has removed.
    pub(crate) fn finish(self, mistakes: &mut Mistakes) {
        for arg in self.list.into_iter().filter(|arg| arg.key.is_none()) {
            mistakes.at(arg.span(), "unexpected value; write `key = value`");
        }
    }
}

fn wrong<T>(place: Span, message: &str, mistakes: &mut Mistakes) -> Option<T> {
    mistakes.at(place, message);
    None
}

#[cfg(test)]
mod tests;
