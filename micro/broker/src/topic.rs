//! Names of topics, and patterns that match several topics.
//!
//! [`matches()`] is `const`, so the compiler can check a subscriber's pattern against its event's
//! type.

use std::fmt;

use micro_message::error::{Error, Result};
use micro_message::internal::excerpt;

/// Maximum length of a topic or pattern, in bytes.
const MAX_TOPIC: usize = 255;

/// A topic or a pattern of topics: `orders.made`, `orders.*` (matches one word), `orders.>`
/// (matches one or more words, at the end).
///
/// # Examples
///
/// ```
/// use micro::broker::Pattern;
///
/// let orders = Pattern::parse("orders.*")?;
/// assert!(orders.matches("orders.made") && !orders.matches("orders.made.late"));
/// assert!(Pattern::parse("orders.>")?.matches("orders.made.late"));
/// # Ok::<(), micro::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Pattern(Box<str>);

impl Pattern {
    /// Parses a pattern.
    ///
    /// # Errors
    ///
    /// Returns `InvalidArgument` for an empty word, for a character that is not permitted in
    /// topics, and for a `>` that is not the last word.
    pub fn parse(text: &str) -> Result<Self> {
        let words = text.split('.');
        let last = words.clone().count();
        check_length("topic pattern", text)?;
        let good = words.enumerate().all(|(at, word)| match word {
            "*" => true,
            ">" => at + 1 == last,
            word => is_word(word),
        });
        if good {
            return Ok(Self(text.into()));
        }
        Err(Error::invalid_argument(format!(
            "`{}` is not a topic pattern: write words of letters, digits, `-` and `_` joined by \
             dots, `*` for any one word, `>` at the end for all that follows",
            text.escape_debug()
        )))
    }

    /// Returns whether the pattern matches a topic.
    pub fn matches(&self, topic: &str) -> bool {
        matches(&self.0, topic)
    }

    /// Returns whether the pattern contains no wildcard, so that it matches exactly one topic.
    pub fn is_exact(&self) -> bool {
        !self.0.split('.').any(|word| matches!(word, "*" | ">"))
    }

    /// Returns the pattern as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Validates a topic to which an event can be published.
pub fn check_topic(topic: &str) -> Result<()> {
    check_length("topic", topic)?;
    if topic.split('.').all(is_word) {
        return Ok(());
    }
    Err(Error::invalid_argument(format!(
        "`{}` is not a topic: write words of letters, digits, `-` and `_` joined by dots",
        topic.escape_debug()
    )))
}

/// Checks the length of a topic or a pattern. The error shows the beginning only.
fn check_length(what: &str, text: &str) -> Result<()> {
    if text.len() <= MAX_TOPIC {
        return Ok(());
    }
    Err(Error::invalid_argument(format!(
        "the {what} `{}` has {} bytes; the limit is {MAX_TOPIC} bytes",
        excerpt(text),
        text.len()
    )))
}

fn is_word(word: &str) -> bool {
    !word.is_empty()
        && word
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// Returns whether a pattern matches a topic. Both must be valid.
pub const fn matches(pattern: &str, topic: &str) -> bool {
    let (pattern, topic) = (pattern.as_bytes(), topic.as_bytes());
    let (mut p, mut t) = (0, 0);
    loop {
        let word = end(pattern, p) - p;
        if word == 1 && pattern[p] == b'>' {
            return t < topic.len();
        }
        let other = end(topic, t) - t;
        if !(word == 1 && pattern[p] == b'*' && other > 0) {
            if word != other {
                return false;
            }
            let mut at = 0;
            while at < word {
                if pattern[p + at] != topic[t + at] {
                    return false;
                }
                at += 1;
            }
        }
        (p, t) = (p + word, t + other);
        match (p < pattern.len(), t < topic.len()) {
            (false, false) => return true,
            (true, true) => (p, t) = (p + 1, t + 1),
            _ => return false,
        }
    }
}

/// Returns the end of the word that starts at `from`.
const fn end(text: &[u8], from: usize) -> usize {
    let mut at = from;
    while at < text.len() && text[at] != b'.' {
        at += 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_is_too_long_is_refused_with_its_length_and_the_limit() {
        let longest = "x".repeat(255);
        check_topic(&longest).unwrap();
        Pattern::parse(&longest).unwrap();
        let long = "x".repeat(256);
        let errors = [check_topic(&long), Pattern::parse(&long).map(drop)];
        for error in errors.map(Result::unwrap_err) {
            let text = error.message();
            assert!(
                text.ends_with("has 256 bytes; the limit is 255 bytes"),
                "{text}"
            );
            assert!(text.len() < 150, "{text}");
        }
    }

    #[test]
    fn star_is_one_word_and_the_arrow_all_that_follow() {
        for (pattern, topic, fits) in [
            ("a.b", "a.b", true),
            ("a.b", "a.c", false),
            ("a.b", "a", false),
            ("a", "a.b", false),
            ("a", "ab", false),
            ("a.*", "a.b", true),
            ("a.*", "a", false),
            ("a.*", "a.b.c", false),
            ("*.b", "a.b", true),
            ("*", "a", true),
            ("a.>", "a.b", true),
            ("a.>", "a.b.c", true),
            ("a.>", "a", false),
            (">", "a", true),
            (">", "a.b", true),
            ("*.*.c", "a.b.c", true),
            ("a.*.c", "a.b.d", false),
        ] {
            assert_eq!(matches(pattern, topic), fits, "{pattern} {topic}");
        }
    }

    #[test]
    fn what_is_no_pattern_or_topic_is_refused() {
        for text in [
            "", ".", "a.", ".a", "a..b", "a b", "a.>.b", "a*", "ä", "a/b",
        ] {
            assert!(Pattern::parse(text).is_err(), "{text}");
            assert!(check_topic(text).is_err(), "{text}");
        }
        for text in ["a", "A_1.b-c", "0"] {
            assert!(Pattern::parse(text).unwrap().is_exact(), "{text}");
            check_topic(text).unwrap();
        }
        for text in ["*", ">", "a.*.b", "a.>"] {
            assert!(!Pattern::parse(text).unwrap().is_exact(), "{text}");
            assert!(check_topic(text).is_err(), "{text}");
        }
        assert!(check_topic(&"a".repeat(256)).is_err());
    }
}
