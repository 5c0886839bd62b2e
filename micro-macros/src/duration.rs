//! Durations in attributes: `"2s"`, `"500ms"`, `"1.5s"`.
//!
//! A duration is one number and one unit; sums such as `"1m30s"` are not supported.

use std::time::Duration;

use proc_macro2::TokenStream;
use quote::quote;
use syn::LitStr;

use crate::args::Args;
use crate::diag::Mistakes;

const UNITS: &[(&str, u64)] = &[
    ("ns", 1),
    ("us", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

/// Parses a duration greater than zero.
pub(crate) fn parse(text: &LitStr) -> syn::Result<Duration> {
    let value = text.value();
    read(&value).filter(|length| !length.is_zero()).ok_or_else(|| {
        let message = format!(
            "`{value}` is not a duration greater than zero; write a number and one of the units \
             `ns`, `us`, `ms`, `s`, `m` and `h`, for example `\"2s\"` or `\"500ms\"`"
        );
        syn::Error::new(text.span(), message)
    })
}

/// Removes `name = "2s"` from the arguments.
pub(crate) fn take(args: &mut Args, name: &str, mistakes: &mut Mistakes) -> Option<Duration> {
    args.measure(name, ("a duration", "2s"), parse, mistakes)
}

/// Returns a duration as an expression for generated code.
pub(crate) fn expand(length: Duration) -> TokenStream {
    let (seconds, nanos) = (length.as_secs(), length.subsec_nanos());
    quote!(::core::time::Duration::new(#seconds, #nanos))
}

fn read(text: &str) -> Option<Duration> {
    let unit_at = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (number, unit) = text.split_at(unit_at);
    let (_, nanos) = UNITS.iter().find(|(name, _)| *name == unit)?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let mut total = whole.parse::<u64>().ok()?.checked_mul(*nanos)?;
    let mut scale = *nanos;
    for digit in fraction.chars() {
        scale /= 10;
        total = total.checked_add(u64::from(digit.to_digit(10)?) * scale)?;
    }
    (!fraction.is_empty()).then(|| Duration::from_nanos(total))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_with_units_are_parsed() {
        for (text, nanos) in [
            ("2s", 2_000_000_000),
            ("500ms", 500_000_000),
            ("1.5s", 1_500_000_000),
            ("0.25ms", 250_000),
            ("3m", 180_000_000_000),
            ("1h", 3_600_000_000_000),
            ("7ns", 7),
        ] {
            assert_eq!(read(text), Some(Duration::from_nanos(nanos)), "{text}");
        }
    }

    #[test]
    fn anything_else_is_rejected() {
        for text in [
            "",
            "s",
            "2",
            "2 s",
            "-1s",
            "1.s",
            ".5s",
            "1..2s",
            "2sec",
            "99999999999h",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
        let zero = syn::parse_quote!("0s");
        assert!(parse(&zero).is_err());
    }
}
