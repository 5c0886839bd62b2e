//! Percent-encoding: decoded once, and only into text.

use std::borrow::Cow;

/// What becomes of the bytes that have a meaning of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// One segment of a path: everything is decoded.
    Segment,
    /// Several segments: an encoded slash stays encoded, so that it does not become a real one.
    Segments,
    /// A form: `+` is a space.
    Form,
}

/// Why a text cannot be decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Malformed {
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
pub(super) fn decode(text: &str, mode: Mode) -> Result<Cow<'_, str>, Malformed> {
    let special = |byte: &u8| *byte == b'%' || (*byte == b'+' && mode == Mode::Form);
    if !text.as_bytes().iter().any(special) {
        return Ok(Cow::Borrowed(text));
    }
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'+' if mode == Mode::Form => out.push(b' '),
            b'%' => {
                let (digits, after) = rest.split_at_checked(2).ok_or(Malformed::Percent)?;
                let byte = byte_of(digits).ok_or(Malformed::Percent)?;
                if byte == b'/' && mode == Mode::Segments {
                    out.push(b'%');
                    out.extend_from_slice(digits);
                } else {
                    out.push(byte);
                }
                rest = after;
            }
            _ => out.push(byte),
        }
    }
    String::from_utf8(out)
        .map(Cow::Owned)
        .map_err(|_| Malformed::Utf8)
}

fn byte_of(digits: &[u8]) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let value = digit(digits[0])? * 16 + digit(digits[1])?;
    u8::try_from(value).ok()
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
            ("%C3%A9", Mode::Segment, Ok("é")),
            ("%00", Mode::Segment, Ok("\0")),
            ("%ff", Mode::Segment, Err(Malformed::Utf8)),
            ("%c3", Mode::Form, Err(Malformed::Utf8)),
            ("%", Mode::Segment, Err(Malformed::Percent)),
            ("%4", Mode::Segments, Err(Malformed::Percent)),
            ("%g0", Mode::Form, Err(Malformed::Percent)),
            ("%+1", Mode::Form, Err(Malformed::Percent)),
        ] {
            let decoded = decode(given, mode);
            assert_eq!(decoded.as_deref(), expected.as_deref(), "{given}");
        }
    }
}
