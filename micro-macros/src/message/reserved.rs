//! `reserved(2, 5, 9..=11, 1000.., "old")`: numbers and names that must not be used again.

use std::ops::RangeInclusive;

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::parse::Parser;
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{Expr, ExprLit, ExprRange, ExprUnary, Lit, LitStr, RangeLimits, Token, UnOp};

use crate::args::Args;
use crate::diag::Mistakes;
use crate::message::tag;

/// The highest number that can be reserved: for a field, and for a value of an enum.
const MAX_RESERVED: [i32; 2] = [tag::MAX_TAG.cast_signed(), i32::MAX];

/// Reserved numbers and names.
#[derive(Clone, Default)]
pub(crate) struct Reserved {
    /// Ranges in the order written. An end of `None` is open.
    ranges: Vec<(Span, i32, Option<i32>)>,
    names: Vec<LitStr>,
}

impl Reserved {
    pub(crate) fn take(args: &mut Args, mistakes: &mut Mistakes) -> Self {
        let mut found = Self::default();
        let Some((span, tokens)) = args.list("reserved", mistakes) else {
            return found;
        };
        let parsed = Punctuated::<Expr, Token![,]>::parse_terminated.parse2(tokens);
        let Some(list) = mistakes.keep(parsed) else {
            return found;
        };
        if list.is_empty() {
            mistakes.at(
                span,
                "`reserved` needs at least one number or name; write for example `reserved(2, 5)`",
            );
        }
        for item in &list {
            if let Expr::Lit(ExprLit {
                lit: Lit::Str(name),
                ..
            }) = item
            {
                found.names.push(name.clone());
            } else if let Some((start, end)) = range(item) {
                found.ranges.push((item.span(), start, end));
            } else {
                let message = "this is not a number, a range or a name; write for example `9`, \
                               `9..=11`, `1000..` or `\"old\"`";
                mistakes.on(item, message);
            }
        }
        found
    }

    /// Whether a number is reserved.
    pub(crate) fn has(&self, number: impl Into<i64>) -> bool {
        let number = number.into();
        self.ranges.iter().any(|&(_, start, end)| {
            (i64::from(start)..=end.map_or(i64::MAX, i64::from)).contains(&number)
        })
    }

    /// Whether a name is reserved.
    pub(crate) fn has_name(&self, name: &str) -> bool {
        self.names.iter().any(|reserved| reserved.value() == name)
    }

    /// Reports numbers that are not field numbers.
    pub(crate) fn check_tags(&self, mistakes: &mut Mistakes) {
        let fits = |number: i32| (1..=MAX_RESERVED[0]).contains(&number);
        for &(span, start, end) in &self.ranges {
            if !fits(start) || !end.is_none_or(fits) {
                mistakes.at(span, "a field number must be from 1 to 536870911");
            }
        }
    }

    /// Reports each reserved number and name with this message.
    pub(crate) fn refuse(&self, message: &str, mistakes: &mut Mistakes) {
        let numbers = self.ranges.iter().map(|(span, ..)| *span);
        for span in numbers.chain(self.names.iter().map(LitStr::span)) {
            mistakes.at(span, message);
        }
    }

    /// Returns the arguments of `reserve`, for a message or for an enum.
    pub(crate) fn arguments(&self, is_enum: bool) -> TokenStream {
        let ranges = self.ranges.iter().map(|&(_, start, end)| {
            let range: RangeInclusive<i32> =
                start..=end.unwrap_or(MAX_RESERVED[usize::from(is_enum)]);
            let (start, end) = (range.start(), range.end());
            if is_enum {
                quote!(#start..=#end)
            } else {
                let (start, end) = (start.cast_unsigned(), end.cast_unsigned());
                quote!(#start..=#end)
            }
        });
        let names = &self.names;
        quote!(&[#(#ranges),*], &[#(#names),*])
    }
}

fn range(item: &Expr) -> Option<(i32, Option<i32>)> {
    let Expr::Range(ExprRange {
        start: Some(start),
        limits,
        end,
        ..
    }) = item
    else {
        let number = number(item)?;
        return Some((number, Some(number)));
    };
    let start = number(start)?;
    match (limits, end) {
        (RangeLimits::HalfOpen(_), None) => Some((start, None)),
        (RangeLimits::Closed(_), Some(end)) => {
            let end = number(end)?;
            (start <= end).then_some((start, Some(end)))
        }
        _ => None,
    }
}

/// Parses a number literal, with or without a minus sign.
pub(crate) fn number(expr: &Expr) -> Option<i32> {
    match expr {
        // A fragment of a `macro_rules!` macro.
        Expr::Group(group) => number(&group.expr),
        Expr::Lit(ExprLit {
            lit: Lit::Int(number),
            ..
        }) => number.base10_parse().ok(),
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
    }
}
