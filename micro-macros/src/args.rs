//! The grammar of all our attributes: `"positional"`, `key`, `key = value` and `key(…)`, by commas.
//!
//! Refuses unknown keys (with the nearest known one), keys given twice and values of the wrong
//! kind. What a key means is the attribute's affair.

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

/// The arguments of one attribute, checked against the keys it knows.
#[derive(Default)]
pub(crate) struct Args {
    list: Vec<Arg>,
    /// Keys that may be repeated, with a list each.
    repeated: &'static [&'static str],
}

impl Args {
    /// Parses what stands in the attribute's parentheses. `known` are the keys the attribute has.
    pub(crate) fn parse(tokens: TokenStream, known: &[&str], mistakes: &mut Mistakes) -> Self {
        Self::parse_repeating(tokens, known, &[], mistakes)
    }

    /// The same, where some keys may be repeated as `key(…)`; `take` gives one after the other.
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

    /// Takes every `#[micro(…)]` out of `attributes` and parses them as one list.
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
                mistakes.at(key.span(), format!("`{name}` is given twice; keep one"));
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

    /// Takes an argument out: where it stands, and its expression if it has one.
    fn value(&mut self, name: &str) -> Option<(Span, Option<Expr>)> {
        let arg = self.take(name)?;
        let place = arg.span();
        match arg.value {
            Value::Expr(expr) => Some((place, Some(*expr))),
            _ => Some((place, None)),
        }
    }

    /// Takes an argument out, whatever its kind of value.
    pub(crate) fn take(&mut self, name: &str) -> Option<Arg> {
        self.find(name).map(|index| self.list.remove(index))
    }

    /// Takes the next positional literal.
    pub(crate) fn positional(&mut self) -> Option<Arg> {
        let index = self.list.iter().position(|arg| arg.key.is_none())?;
        Some(self.list.remove(index))
    }

    /// `name = "text"`.
    pub(crate) fn string(&mut self, name: &str, mistakes: &mut Mistakes) -> Option<LitStr> {
        let (place, expr) = self.value(name)?;
        match expr {
            Some(Expr::Lit(ExprLit {
                lit: Lit::Str(text),
                ..
            })) => Some(text),
            _ => wrong(
                place,
                &format!("`{name}` takes a string: `{name} = \"…\"`"),
                mistakes,
            ),
        }
    }

    /// `name = 3`.
    pub(crate) fn integer(&mut self, name: &str, mistakes: &mut Mistakes) -> Option<LitInt> {
        let (place, expr) = self.value(name)?;
        match expr {
            Some(Expr::Lit(ExprLit {
                lit: Lit::Int(number),
                ..
            })) => Some(number),
            _ => wrong(
                place,
                &format!("`{name}` takes a number: `{name} = 3`"),
                mistakes,
            ),
        }
    }

    /// `name = some::path`.
    pub(crate) fn path(&mut self, name: &str, mistakes: &mut Mistakes) -> Option<Path> {
        let (place, expr) = self.value(name)?;
        match expr {
            Some(Expr::Path(ExprPath {
                qself: None, path, ..
            })) => Some(path),
            _ => wrong(
                place,
                &format!("`{name}` takes a path: `{name} = some::path`"),
                mistakes,
            ),
        }
    }

    /// `name = Some::Type<…>`.
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
            &format!("`{name}` takes a type: `{name} = Type`"),
            mistakes,
        )
    }

    /// `name = expression`, any.
    pub(crate) fn expr(&mut self, name: &str, mistakes: &mut Mistakes) -> Option<Expr> {
        let (place, expr) = self.value(name)?;
        expr.or_else(|| {
            wrong(
                place,
                &format!("`{name}` takes a value: `{name} = …`"),
                mistakes,
            )
        })
    }

    /// `name`, alone.
    pub(crate) fn flag(&mut self, name: &str, mistakes: &mut Mistakes) -> Option<Ident> {
        let arg = self.take(name)?;
        if matches!(arg.value, Value::Flag) {
            return arg.key;
        }
        wrong(
            arg.span(),
            &format!("`{name}` stands alone: it takes no value"),
            mistakes,
        )
    }

    /// `name(…)`: the tokens between the parentheses, and the key's place.
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
                &format!("`{name}` takes a list: `{name}(…)`"),
                mistakes,
            ),
        }
    }

    /// Says that what is left over has no place; for positional literals nobody asked for.
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
