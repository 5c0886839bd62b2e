//! Sizes in attributes: `"16MiB"`, `"64KiB"`, `"4096"`.
//!
//! Units are powers of 1024. `MB` is rejected because it is ambiguous.

use syn::LitStr;

use crate::args::Args;
use crate::diag::Mistakes;

const UNITS: &[(&str, usize)] = &[
    ("", 1),
    ("B", 1),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
];

/// Maximum length of a message in bytes that every protocol can express.
const MAX_SIZE: usize = u32::MAX as usize;

/// Parses a size greater than zero, in bytes.
pub(crate) fn parse(text: &LitStr) -> syn::Result<usize> {
    let value = text.value();
    read(&value).ok_or_else(|| {
        let message = format!(
            "`{value}` is not a size; write a whole number of bytes, `KiB`, `MiB` or `GiB` that is \
             greater than zero and less than 4 GiB, for example `\"16MiB\"`"
        );
        syn::Error::new(text.span(), message)
    })
}

/// Removes `name = "4MiB"` from the arguments.
pub(crate) fn take(args: &mut Args, name: &str, mistakes: &mut Mistakes) -> Option<usize> {
    args.measure(name, ("a size", "4MiB"), parse, mistakes)
}

fn read(text: &str) -> Option<usize> {
    let unit_at = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit.trim_start())?;
    let bytes = number.parse::<usize>().ok()?.checked_mul(*factor)?;
    (1..=MAX_SIZE).contains(&bytes).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_with_units_are_parsed() {
        for (text, bytes) in [
            ("16MiB", 16 << 20),
            ("64 KiB", 64 << 10),
            ("3GiB", 3 << 30),
            ("4096", 4096),
            ("1B", 1),
        ] {
            assert_eq!(read(text), Some(bytes), "{text}");
        }
    }

    #[test]
    fn anything_else_is_rejected() {
        for text in [
            "",
            "MiB",
            "0",
            "1.5MiB",
            "-1",
            "16MB",
            "16mib",
            "4GiB",
            "99999999999999999999",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
