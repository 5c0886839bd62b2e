//! An enum without data: numbers and names of its values.

use proc_macro2::Ident;
use syn::ext::IdentExt;
use syn::{Expr, ExprLit, ExprUnary, Fields, ItemEnum, Lit, Type, UnOp, Variant};

use crate::diag::Mistakes;
use crate::message::body::Helpers;
use crate::message::doc::About;
use crate::message::name;
use crate::message::variant::is_other;

/// An enum without data.
pub(crate) struct Enumeration {
    pub(crate) values: Vec<Value>,
    /// The catch-all for numbers that have no variant.
    pub(crate) other: Option<Ident>,
    /// The name of the value 0 if no variant has it.
    pub(crate) unspecified: Option<String>,
}

/// One value.
pub(crate) struct Value {
    pub(crate) ident: Ident,
    pub(crate) number: i32,
    pub(crate) full: String,
    pub(crate) short: String,
    pub(crate) about: About,
}

impl Enumeration {
    pub(crate) fn of(item: &mut ItemEnum, reserved: &[u32], mistakes: &mut Mistakes) -> Self {
        let prefix = name::snake(&item.ident.unraw().to_string()).to_uppercase();
        let mut found = Self {
            values: Vec::new(),
            other: None,
            unspecified: None,
        };
        let mut next = Some(0);
        for variant in &mut item.variants {
            let other = is_other(variant);
            let helpers = Helpers::of(&mut variant.attrs, mistakes);
            refuse_useless(&helpers, mistakes);
            if other {
                found.catch_all(variant, mistakes);
                continue;
            }
            let number = number(variant, next, mistakes);
            next = number.checked_add(1);
            let short = name::snake(&variant.ident.unraw().to_string()).to_uppercase();
            let plain = (format!("{prefix}_{short}"), variant.ident.span());
            let (full, span) = helpers.name.unwrap_or(plain);
            name::check(&full, span, mistakes);
            found.refuse_twice(variant, number, &full, mistakes);
            if u32::try_from(number).is_ok_and(|number| reserved.contains(&number)) {
                mistakes.on(
                    &variant.ident,
                    format!("{number} is reserved; use another number"),
                );
            }
            let (ident, about) = (variant.ident.clone(), About::of(&variant.attrs));
            found.values.push(Value {
                ident,
                number,
                full,
                short,
                about,
            });
        }
        if found.other.is_some() {
            // Rust allows numbers beside a variant with data only with a `repr`; they are ours.
            item.variants
                .iter_mut()
                .for_each(|variant| variant.discriminant = None);
        }
        if !found.values.iter().any(|value| value.number == 0) {
            found.unspecified = Some(format!("{prefix}_UNSPECIFIED"));
        }
        found
    }

    fn catch_all(&mut self, variant: &Variant, mistakes: &mut Mistakes) {
        let holds_number = match &variant.fields {
            Fields::Unnamed(fields) => match fields.unnamed.first().map(|field| &field.ty) {
                Some(Type::Path(path)) => fields.unnamed.len() == 1 && path.path.is_ident("i32"),
                _ => false,
            },
            _ => false,
        };
        if !holds_number {
            let ident = &variant.ident;
            mistakes.on(
                ident,
                format!("the catch-all holds the number: `{ident}(i32)`"),
            );
        }
        if self.other.is_some() {
            mistakes.on(&variant.ident, "there is a catch-all already; keep one");
        }
        self.other = Some(variant.ident.clone());
    }

    fn refuse_twice(&self, variant: &Variant, number: i32, full: &str, mistakes: &mut Mistakes) {
        if self.values.iter().any(|before| before.number == number) {
            let message = format!("the number {number} is used twice");
            match &variant.discriminant {
                Some((_, expr)) => mistakes.on(expr, message),
                None => mistakes.on(&variant.ident, message),
            }
        }
        if self.values.iter().any(|before| before.full == full) {
            mistakes.on(&variant.ident, format!("the name `{full}` is used twice"));
        }
    }
}

fn refuse_useless(helpers: &Helpers, mistakes: &mut Mistakes) {
    if let Some(span) = helpers.tag_span {
        mistakes.at(
            span,
            "a variant of an enum without data has a number: `Variant = 3`",
        );
    }
    if let Some(span) = helpers.default_span {
        mistakes.at(span, "`default` goes on a field, not on a variant");
    }
}

/// The number written, or the next one.
fn number(variant: &Variant, next: Option<i32>, mistakes: &mut Mistakes) -> i32 {
    let Some((_, expr)) = &variant.discriminant else {
        return next.unwrap_or_else(|| {
            mistakes.on(
                &variant.ident,
                "the number is beyond 32 bits; write a smaller one",
            );
            0
        });
    };
    let parsed = match expr {
        Expr::Lit(ExprLit {
            lit: Lit::Int(number),
            ..
        }) => number.base10_parse::<i32>().ok(),
        Expr::Unary(ExprUnary {
            op: UnOp::Neg(_),
            expr,
            ..
        }) => match &**expr {
            Expr::Lit(ExprLit {
                lit: Lit::Int(number),
                ..
            }) => format!("-{}", number.base10_digits()).parse().ok(),
            _ => None,
        },
        _ => None,
    };
    parsed.unwrap_or_else(|| {
        mistakes.on(
            expr,
            "write the number itself, of at most 32 bits: `Variant = 3`",
        );
        0
    })
}
