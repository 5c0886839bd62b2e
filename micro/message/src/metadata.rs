//! Metadata: key-value pairs that are sent with a message. Keys are lower case everywhere.
//!
//! # Examples
//!
//! ```
//! use micro::{Error, Metadata};
//!
//! let mut metadata = Metadata::new();
//! metadata.insert("Tenant", "acme")?;
//! metadata.append("tag", "a")?;
//! metadata.append("tag", "b")?;
//! assert_eq!(metadata.get("tenant"), Some("acme"));
//! assert_eq!(metadata.get_all("tag").collect::<Vec<_>>(), ["a", "b"]);
//! # Ok::<(), Error>(())
//! ```

use std::borrow::Cow;

use crate::error::{Error, Result};

/// Keys that calls and events inherit from the call or event in whose handler they are created: W3C
/// trace context and baggage.
pub const INHERITED: [&str; 3] = ["traceparent", "tracestate", "baggage"];

/// Key of the header by which a server reports that no handler has seen a call.
pub const NOT_HANDLED: &str = "micro-not-handled";

/// Whether a key, in lower case, belongs to HTTP, gRPC or Connect rather than to the application.
pub fn is_reserved(key: &str) -> bool {
    let Some(first) = key.as_bytes().first() else {
        return false;
    };
    match first {
        b'g' => key.starts_with("grpc-"),
        b'c' => key.starts_with("content-") || key == "connection" || key.starts_with("connect-"),
        b't' => matches!(key, "te" | "trailer" | "transfer-encoding"),
        b'a' => key == "accept" || key.starts_with("accept-"),
        b'u' => matches!(key, "user-agent" | "upgrade"),
        b'h' => matches!(key, "host" | "http2-settings"),
        b'e' => key == "expect",
        b'k' => key == "keep-alive",
        b'm' => key == NOT_HANDLED,
        b'd' => key == "date",
        b'p' => key == "proxy-connection",
        // gRPC-Web's own: a page cannot set `user-agent`.
        b'x' => matches!(key, "x-user-agent" | "x-grpc-web"),
        _ => false,
    }
}

/// Keys and values that are sent with a call, a response or an event.
///
/// Keys are case-insensitive and stored in lower case. A key may occur more than once. Values are
/// text. As in gRPC, binary values are base64-encoded under keys that end in `-bin`.
///
/// # Examples
///
/// ```
/// use micro::Metadata;
///
/// let mut metadata = Metadata::new();
/// metadata.insert("Tenant", "acme").unwrap();
/// assert_eq!(metadata.get("tenant"), Some("acme"));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Metadata {
    // A call rarely has more than ten entries: a linear search beats hashing and keeps the order.
    entries: Vec<(Cow<'static, str>, String)>,
}

impl Metadata {
    /// Creates empty metadata without allocating.
    pub const fn new() -> Self {
        Self {
            entries: Vec::new(),
        }
    }

    /// Returns the first value of a key, ignoring the key's case.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.entries
            .iter()
            .find(|(k, _)| k.eq_ignore_ascii_case(key))
            .map(|(_, v)| v.as_str())
    }

    /// Returns all values of a key, in order.
    pub fn get_all<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> {
        self.entries
            .iter()
            .filter(move |(k, _)| k.eq_ignore_ascii_case(key))
            .map(|(_, v)| &**v)
    }

    /// Sets the value of a key and removes its earlier values.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` when the key is empty or contains other characters than letters, digits,
    /// `-`, `_` and `.`, or when the value contains characters other than visible ASCII and space.
    pub fn insert(
        &mut self,
        key: impl Into<Cow<'static, str>>,
        value: impl Into<String>,
    ) -> Result<()> {
        let (key, value) = checked(key.into(), value.into())?;
        self.remove(&key);
        self.entries.push((key, value));
        Ok(())
    }

    /// Adds a value to a key and keeps its earlier values.
    ///
    /// # Errors
    ///
    /// As [`insert`](Self::insert).
    pub fn append(
        &mut self,
        key: impl Into<Cow<'static, str>>,
        value: impl Into<String>,
    ) -> Result<()> {
        self.entries.push(checked(key.into(), value.into())?);
        Ok(())
    }

    /// Adds all pairs of `other` and keeps the existing ones.
    pub fn extend(&mut self, other: Self) {
        self.entries.extend(other.entries);
    }

    /// Removes all values of a key and returns the first one.
    pub fn remove(&mut self, key: &str) -> Option<String> {
        let at = self
            .entries
            .iter()
            .position(|(k, _)| k.eq_ignore_ascii_case(key))?;
        let (_, value) = self.entries.remove(at);
        self.entries.retain(|(k, _)| !k.eq_ignore_ascii_case(key));
        Some(value)
    }

    /// All pairs, keys in lower case, in the order they were added.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.entries.iter().map(|(key, value)| (&**key, &**value))
    }

    /// Whether the metadata is empty.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Number of pairs.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Total length of all keys and values in bytes, for limits.
    pub fn size(&self) -> usize {
        self.entries
            .iter()
            .map(|(key, value)| key.len() + value.len())
            .sum()
    }
}

impl Error {
    /// The metadata that the called service sent with this error, from another node or in this
    /// process. It is empty for an error created by this program. It is not forwarded when a
    /// handler returns the error.
    pub fn metadata(&self) -> &Metadata {
        static NONE: Metadata = Metadata::new();
        self.attached().unwrap_or(&NONE)
    }

    /// Sets the metadata that was received with this error.
    #[doc(hidden)]
    pub fn with_metadata(mut self, metadata: Metadata) -> Self {
        if !metadata.is_empty() || self.attached::<Metadata>().is_some() {
            self.attach(metadata);
        }
        self
    }
}

fn checked(mut key: Cow<'static, str>, value: String) -> Result<(Cow<'static, str>, String)> {
    if key.bytes().any(|byte| byte.is_ascii_uppercase()) {
        key = key.to_ascii_lowercase().into();
    }
    let token = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if key.is_empty() || !key.bytes().all(token) {
        return Err(Error::invalid_argument(format!(
            "metadata key `{}` must be made of letters, digits, `-`, `_` and `.`",
            key.escape_debug()
        )));
    }
    if !value.bytes().all(|byte| (0x20..0x7f).contains(&byte)) {
        return Err(Error::invalid_argument(format!(
            "metadata value of `{key}` must be visible ASCII; put bytes as base64 under `{key}-bin`"
        )));
    }
    Ok((key, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_case_insensitive() {
        let mut metadata = Metadata::new();
        metadata.append("Accept", "a").unwrap();
        metadata.append("accept", "b").unwrap();
        assert_eq!(metadata.get("ACCEPT"), Some("a"));
        assert_eq!(metadata.get_all("Accept").collect::<Vec<_>>(), ["a", "b"]);
        metadata.insert("aCCept", "c").unwrap();
        assert_eq!(metadata.iter().collect::<Vec<_>>(), [("accept", "c")]);
        assert_eq!(metadata.remove("ACCEPT").as_deref(), Some("c"));
        assert!(metadata.is_empty());
    }

    #[test]
    fn line_breaks_are_rejected() {
        let mut metadata = Metadata::new();
        assert!(metadata.insert("key", "a\r\nb: c").is_err());
        assert!(metadata.insert("a: b", "c").is_err());
        assert!(metadata.insert("", "c").is_err());
    }
}
