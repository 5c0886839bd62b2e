//! The data types: events, records, and the positions at which reading starts. This module checks
//! names and sizes.
//!
//! It does not know how records are stored.

use std::borrow::Cow;
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;

use micro_message::codec::{Codec, Message};
use micro_message::error::{Error, Result};
use micro_message::internal::excerpt;
use micro_message::metadata::Metadata;

/// Content type of a message in the protobuf binary encoding.
pub const PROTOBUF: &str = "application/protobuf";
/// Content type of a message in the protobuf JSON mapping.
pub const JSON: &str = "application/json";

/// Maximum length of a topic or group name, in bytes.
const MAX_NAME: usize = 120;
/// Maximum length of a key, id or content type, in bytes.
const MAX_FIELD: usize = 1024;

/// An event: a payload with its key, id, content type and metadata.
///
/// # Examples
///
/// ```
/// use micro::events::Event;
///
/// let event = Event::new("42 apples").with_key("customer-7").with_content_type("text/plain");
/// assert_eq!(event.payload, "42 apples");
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Event {
    /// The payload bytes, encoded as `content_type` says.
    pub payload: Bytes,
    /// Content type of the payload, for example [`PROTOBUF`]. Empty if unknown.
    pub content_type: Cow<'static, str>,
    /// Events with the same key are delivered to a group in order. Events without a key have no
    /// guaranteed order.
    pub key: Option<String>,
    /// Unique id of the event within its topic. Appending another event with the same id has no
    /// effect as long as the backend remembers the id. An empty id counts as absent.
    pub id: Option<String>,
    /// Keys and values that are stored with the event.
    pub metadata: Metadata,
}

impl Event {
    /// Creates an event from bytes.
    pub fn new(payload: impl Into<Bytes>) -> Self {
        Self {
            payload: payload.into(),
            ..Self::default()
        }
    }

    /// Creates an event from a message in the protobuf binary encoding.
    pub fn of<M: Message>(message: &M) -> Self {
        let mut payload = Vec::new();
        message.encode(&mut payload);
        Self::new(payload).with_content_type(PROTOBUF)
    }

    /// Sets [`content_type`](Self::content_type).
    pub fn with_content_type(mut self, content_type: impl Into<Cow<'static, str>>) -> Self {
        self.content_type = content_type.into();
        self
    }

    /// Sets [`key`](Self::key).
    pub fn with_key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// Sets [`id`](Self::id).
    pub fn with_id(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// Sets [`metadata`](Self::metadata).
    pub fn with_metadata(mut self, metadata: Metadata) -> Self {
        self.metadata = metadata;
        self
    }

    /// Decodes the payload as a message, according to its content type. An empty content type means
    /// protobuf.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` for any other content type, and if the payload is not a valid message.
    pub fn decode<M: Message>(&self) -> Result<M> {
        let codec = match self
            .content_type
            .split(';')
            .next()
            .unwrap_or_default()
            .trim()
        {
            "" | PROTOBUF | "application/proto" | "application/x-protobuf" => Codec::Protobuf,
            JSON => Codec::Json,
            other => {
                return Err(Error::invalid_argument(format!(
                    "cannot read content type `{}`, only `{PROTOBUF}` and `{JSON}`",
                    other.escape_debug()
                )));
            }
        };
        // The decoded value can be larger than the payload. The limit stops a small hostile payload
        // from decoding to a huge value.
        codec.decode(&self.payload, (1 << 20) + 16 * self.payload.len())
    }

    /// The id, unless it is empty.
    #[doc(hidden)]
    pub fn known_by(&self) -> Option<&str> {
        self.id.as_deref().filter(|id| !id.is_empty())
    }

    /// Number of bytes that count towards limits.
    #[doc(hidden)]
    pub fn size(&self) -> usize {
        let word = |word: &Option<String>| word.as_ref().map_or(0, String::len);
        self.payload.len()
            + self.content_type.len()
            + word(&self.key)
            + word(&self.id)
            + self.metadata.size()
    }

    pub(super) fn check(&self, limits: &Limits) -> Result<()> {
        let too_long = |what: &str, length: usize, limit: usize, remedy: &str| {
            let text = format!("{what} of {length} bytes is longer than {limit}{remedy}");
            Err(Error::invalid_argument(text))
        };
        let size = self.payload.len();
        if size > limits.payload {
            let remedy = ", keep large things elsewhere and append where";
            return too_long("a payload", size, limits.payload, remedy);
        }
        let size = self.metadata.size();
        if size > limits.metadata {
            return too_long("metadata", size, limits.metadata, "");
        }
        let words = [
            ("a key", self.key.as_deref()),
            ("an id", self.id.as_deref()),
            ("a content type", Some(&*self.content_type)),
        ];
        for (what, word) in words {
            let length = word.map_or(0, str::len);
            if length > MAX_FIELD {
                return too_long(what, length, MAX_FIELD, "");
            }
        }
        Ok(())
    }
}

impl From<Bytes> for Event {
    fn from(payload: Bytes) -> Self {
        Self::new(payload)
    }
}

impl From<Vec<u8>> for Event {
    fn from(payload: Vec<u8>) -> Self {
        Self::new(payload)
    }
}

impl From<&'static str> for Event {
    fn from(payload: &'static str) -> Self {
        Self::new(payload)
    }
}

/// An event stored in a topic, with its offset and time.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Record {
    /// Name of the topic.
    pub topic: Arc<str>,
    /// Position in the topic. The first record of a topic has offset 0, offsets increase, and an
    /// offset is never reused.
    pub offset: u64,
    /// Time of the append; never earlier than the time of the previous record.
    pub time: SystemTime,
    /// The appended event.
    pub event: Event,
}

impl Record {
    /// Creates a record; for backends.
    pub fn new(topic: Arc<str>, offset: u64, time: SystemTime, event: Event) -> Self {
        Self {
            topic,
            offset,
            time,
            event,
        }
    }

    /// Decodes the payload as a message; see [`Event::decode`].
    pub fn decode<M: Message>(&self) -> Result<M> {
        self.event.decode()
    }
}

/// Position at which reading starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Start {
    /// The oldest record that still exists.
    #[default]
    Earliest,
    /// The next record to be appended.
    Latest,
    /// The record with this offset. The topic's next offset is allowed; a greater one is an error.
    Offset(u64),
    /// The first record with this time or later.
    Time(SystemTime),
}

impl FromStr for Start {
    type Err = Error;

    /// Parses `earliest`, `latest` or an offset.
    fn from_str(text: &str) -> Result<Self> {
        match text {
            "earliest" => Ok(Self::Earliest),
            "latest" => Ok(Self::Latest),
            offset => offset.parse().map(Self::Offset).map_err(|_| {
                Error::invalid_argument(format!(
                    "`{}` is not `earliest`, `latest` or an offset",
                    offset.escape_debug()
                ))
            }),
        }
    }
}

/// Which records to remove from the beginning of a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trim {
    /// Removes the records with smaller offsets.
    Before(u64),
    /// Removes the records older than this age.
    Age(Duration),
    /// Removes the oldest records until the rest occupies at most this number of bytes.
    Bytes(u64),
}

/// Size limits of events and batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limits {
    pub(super) payload: usize,
    pub(super) metadata: usize,
    /// Maximum number of events in one batch.
    pub(super) batch: usize,
    /// Maximum number of bytes in one batch.
    pub(super) batch_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            payload: 4 << 20,
            metadata: 16 << 10,
            batch: 10_000,
            batch_bytes: 16 << 20,
        }
    }
}

/// Checks the names of a topic and a group.
///
/// # Errors
///
/// `InvalidArgument` with the reason if a name is invalid.
pub fn check_names(topic: &str, group: &str) -> Result<()> {
    check_name("topic", topic)?;
    check_name("group", group)
}

/// Checks a topic or group name: 1 to 120 bytes of letters, digits, `-`, `_`, and `.` between other
/// characters.
pub(super) fn check_name(what: &str, name: &str) -> Result<()> {
    let part = |part: &str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    if name.len() > MAX_NAME {
        return Err(Error::invalid_argument(format!(
            "the {what} `{}` has {} bytes; the limit is {MAX_NAME} bytes",
            excerpt(name),
            name.len()
        )));
    }
    if name.split('.').all(part) {
        return Ok(());
    }
    Err(Error::invalid_argument(format!(
        "{what} `{}` must be 1 to {MAX_NAME} letters, digits, `-` and `_`, in parts with `.` between",
        name.escape_debug()
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain_words_with_dots_between() {
        for name in ["a", "orders.placed", "A-b_9.c", &"x".repeat(MAX_NAME)] {
            check_name("topic", name).unwrap();
        }
        let long = "x".repeat(MAX_NAME + 1);
        for name in ["", ".", "a.", ".a", "a..b", "a/b", "ä", "a b", "..", &long] {
            let error = check_name("topic", name).unwrap_err();
            assert!(error.message().contains("topic `"), "{error}");
        }
    }

    #[test]
    fn name_that_is_too_long_is_refused_with_its_length_and_the_limit() {
        let error = check_name("topic", &"x".repeat(5_000)).unwrap_err();
        let text = error.message();
        assert!(
            text.ends_with("has 5000 bytes; the limit is 120 bytes"),
            "{text}"
        );
        assert!(text.len() < 150, "{text}");
    }

    #[test]
    fn what_is_too_large_is_named() {
        let limits = Limits {
            payload: 3,
            ..Limits::default()
        };
        Event::new("abc").check(&limits).unwrap();
        let error = Event::new("abcd").check(&limits).unwrap_err();
        assert!(
            error.message().contains("4 bytes is longer than 3"),
            "{error}"
        );
        let error = Event::new("").with_key("k".repeat(2000)).check(&limits);
        assert!(error.unwrap_err().message().starts_with("a key of 2000"));
    }

    #[test]
    fn content_type_says_how_to_read() {
        assert!(Event::new("").decode::<()>().is_ok());
        let event = Event::new("{}").with_content_type("application/json; charset=utf-8");
        assert!(event.decode::<()>().is_ok());
        let error = Event::new("")
            .with_content_type("text/plain")
            .decode::<()>();
        assert!(error.unwrap_err().message().contains("`text/plain`"));
    }
}
