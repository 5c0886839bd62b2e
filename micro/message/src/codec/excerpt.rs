//! A sender's text in an error message: shortened, and without control characters.

use std::borrow::Cow;

use serde::de::{Error, Expected, Unexpected};

/// Maximum number of characters that are shown.
const MAX_EXCERPT: usize = 60;

/// The beginning of a text, followed by `…` if there is more.
pub(crate) fn cut(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(MAX_EXCERPT) {
        None => Cow::Borrowed(text),
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
    }
}

/// The beginning of a text, with invisible characters escaped.
pub fn excerpt(text: &str) -> String {
    cut(text).escape_debug().to_string()
}

/// The error for a text where a value of another type is expected.
pub fn wrong_type<E: Error>(text: &str, expected: &dyn Expected) -> E {
    E::invalid_type(Unexpected::Str(&cut(text)), expected)
}

/// The error for a text that is not a valid value of the expected type.
pub(crate) fn wrong_value<E: Error>(text: &str, expected: &dyn Expected) -> E {
    E::invalid_value(Unexpected::Str(&cut(text)), expected)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_beginning_is_shown() {
        assert_eq!(cut("né"), "né");
        assert_eq!(cut(&"é".repeat(60)), "é".repeat(60));
        assert_eq!(cut(&"é".repeat(61)), format!("{}…", "é".repeat(60)));
        assert_eq!(excerpt("a\u{1b}[0m\n"), "a\\u{1b}[0m\\n");
    }
}
