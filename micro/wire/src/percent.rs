//! Percent-encoding in paths and queries, decoded once and strictly.
//!
//! Stricter than the crate `percent-encoding`, which keeps malformed input as it is: this module
//! returns an error.

use std::borrow::Cow;

use percent_encoding::percent_decode;

/// What happens to bytes with a special meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// One segment of a path: everything is decoded.
    Segment,
    /// Several segments: an encoded slash stays encoded, so that it does not become a separator.
    Segments,
    /// A form: `+` is a space.
    Form,
}

/// Why a text cannot be decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Malformed {
    /// `%` without two hexadecimal digits.
    Percent,
    /// The bytes are not UTF-8.
    Utf8,
}

impl std::fmt::Display for Malformed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Percent => {
                "`%` needs two hexadecimal digits after it; `%25` is the percent sign itself"
            }
            Self::Utf8 => "it is not UTF-8",
        })
    }
}

/// Decodes a text.
pub fn decode(text: &str, mode: Mode) -> Result<Cow<'_, str>, Malformed> {
    match decode_bytes(text, mode)? {
        Cow::Borrowed(_) => Ok(Cow::Borrowed(text)),
        Cow::Owned(bytes) => String::from_utf8(bytes)
            .map(Cow::Owned)
            .map_err(|_| Malformed::Utf8),
    }
}

/// Decodes a text to bytes that need not be UTF-8. The result is borrowed only if there is nothing
/// to decode.
pub fn decode_bytes(text: &str, mode: Mode) -> Result<Cow<'_, [u8]>, Malformed> {
    let mut escaped = Cow::Borrowed(text);
    if mode == Mode::Form && text.contains('+') {
        escaped = Cow::Owned(text.replace('+', " "));
    }
    if !text.contains('%') {
        return Ok(match escaped {
            Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
            Cow::Owned(text) => Cow::Owned(text.into_bytes()),
        });
    }
    if !is_well_formed(text.as_bytes()) {
        return Err(Malformed::Percent);
    }
    if mode == Mode::Segments {
        // Encoded a second time, so that decoding restores the encoded slash.
        let slashes = escaped.replace("%2F", "%252F").replace("%2f", "%252f");
        escaped = Cow::Owned(slashes);
    }
    Ok(Cow::Owned(percent_decode(escaped.as_bytes()).collect()))
}

/// Whether two hexadecimal digits follow each `%`.
fn is_well_formed(text: &[u8]) -> bool {
    text.split(|&byte| byte == b'%')
        .skip(1)
        .all(|after| matches!(after, [a, b, ..] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_once() {
        for (given, mode, expected) in [
            ("plain", Mode::Segment, Ok("plain")),
            ("a%20b+c", Mode::Segment, Ok("a b+c")),
            ("a%20b+c%2B", Mode::Form, Ok("a b c+")),
            ("a%2Fb%2fc%3A", Mode::Segments, Ok("a%2Fb%2fc:")),
            ("a%2Fb", Mode::Segment, Ok("a/b")),
            ("a%252Fb", Mode::Segment, Ok("a%2Fb")),
            ("a%252Fb%2F%2f", Mode::Segments, Ok("a%2Fb%2F%2f")),
            ("+%2B", Mode::Form, Ok(" +")),
            ("%C3%A9", Mode::Segment, Ok("é")),
            ("%00", Mode::Segment, Ok("\0")),
            ("%ff", Mode::Segment, Err(Malformed::Utf8)),
            ("%c3", Mode::Form, Err(Malformed::Utf8)),
            ("%", Mode::Segment, Err(Malformed::Percent)),
            ("%4", Mode::Segments, Err(Malformed::Percent)),
            ("%g0", Mode::Form, Err(Malformed::Percent)),
            ("%+1", Mode::Form, Err(Malformed::Percent)),
            ("%%20", Mode::Segment, Err(Malformed::Percent)),
            ("%4%20", Mode::Segments, Err(Malformed::Percent)),
        ] {
            let decoded = decode(given, mode);
            assert_eq!(decoded.as_deref(), expected.as_deref(), "{given}");
        }
    }
}
