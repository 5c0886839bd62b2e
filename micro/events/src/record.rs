//! The data: what is appended, what is read, and where reading begins. Names and sizes are
//! checked here.
//!
//! Knows nothing of where records are kept.

use std::borrow::Cow;
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;

use micro_message::codec::{Codec, Message};
use micro_message::error::{Error, Result};
use micro_message::metadata::Metadata;

/// The content type of a message in protobuf's encoding.
pub const PROTOBUF: &str = "application/protobuf";
/// The content type of a message in protobuf's JSON mapping.
pub const JSON: &str = "application/json";

/// The longest name of a topic or group, in bytes.
const MAX_NAME: usize = 120;
/// The longest key, id or content type, in bytes.
const MAX_FIELD: usize = 1024;

/// What happened: the payload and what travels beside it.
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
    /// The bytes, as `content_type` says.
    pub payload: Bytes,
    /// How to read the payload, for example [`PROTOBUF`]; empty when nobody said.
    pub content_type: Cow<'static, str>,
    /// Events of one key are delivered to a group in order; without a key there is no order.
    pub key: Option<String>,
    /// Tells this event from all others of its topic: appended again under one id, it stands there
    /// once, as long as the backend remembers. An empty one is none.
    pub id: Option<String>,
    /// Keys and values that travel with the event.
    pub metadata: Metadata,
}

impl Event {
    /// An event of bytes.
    pub fn new(payload: impl Into<Bytes>) -> Self {
        Self {
            payload: payload.into(),
            ..Self::default()
        }
    }

    /// An event of a message, in protobuf's encoding.
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

    /// The payload as a message, by its content type; one that says nothing is protobuf.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` for another content type, and when the bytes are no such message.
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
        // A small payload may stand for a larger value; a hostile one may not for a huge one.
        codec.decode(&self.payload, (1 << 20) + 16 * self.payload.len())
    }

    /// What is remembered of it.
    #[doc(hidden)]
    pub fn known_by(&self) -> Option<&str> {
        self.id.as_deref().filter(|id| !id.is_empty())
    }

    /// Bytes that count against limits.
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

/// An event in its topic, with its place there.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Record {
    /// The topic it stands in.
    pub topic: Arc<str>,
    /// Its place: 0 is the first ever, each next one greater. Never given twice.
    pub offset: u64,
    /// When it was appended; never earlier than the record before.
    pub time: SystemTime,
    /// What was appended.
    pub event: Event,
}

impl Record {
    /// A record; for backends.
    pub fn new(topic: Arc<str>, offset: u64, time: SystemTime, event: Event) -> Self {
        Self {
            topic,
            offset,
            time,
            event,
        }
    }

    /// The payload as a message: [`Event::decode`].
    pub fn decode<M: Message>(&self) -> Result<M> {
        self.event.decode()
    }
}

/// Where to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Start {
    /// With the oldest record that is still there.
    #[default]
    Earliest,
    /// With the next record that is appended.
    Latest,
    /// With the record of this offset; it may be the next to come, but none beyond.
    Offset(u64),
    /// With the first record of this time or later.
    Time(SystemTime),
}

impl FromStr for Start {
    type Err = Error;

    /// Reads `earliest`, `latest`, or an offset.
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

/// What to remove from the beginning of a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trim {
    /// Records with smaller offsets.
    Before(u64),
    /// Records older than this.
    Age(Duration),
    /// Records until the rest takes no more than so many bytes.
    Bytes(u64),
}

/// How large an event may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limits {
    pub(super) payload: usize,
    pub(super) metadata: usize,
    /// Events in one batch.
    pub(super) batch: usize,
    /// Bytes of one batch.
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

/// Whether a topic and a group can be called so.
///
/// # Errors
///
/// `InvalidArgument`, naming what is wrong.
pub fn check_names(topic: &str, group: &str) -> Result<()> {
    check_name("topic", topic)?;
    check_name("group", group)
}

/// A topic's or group's name: 1 to 120 letters, digits, `-`, `_`, and `.` between other things.
pub(super) fn check_name(what: &str, name: &str) -> Result<()> {
    let part = |part: &str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    if name.len() <= MAX_NAME && name.split('.').all(part) {
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
