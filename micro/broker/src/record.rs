//! The data of the broker: events, and where a backend finds itself.
//!
//! Does not know who gets an event.

use std::fmt;
use std::time::{Duration, SystemTime};

use bytes::Bytes;

use crate::topic::check_topic;
use micro_core::context::Context;
use micro_message::codec::{Codec, Message};
use micro_message::error::{Error, Result};
use micro_message::metadata::Metadata;
use micro_registry::Registry;

/// How many bytes of memory decoding may take for each byte of the payload, and beside them.
const MEMORY_FACTOR: usize = 16;
const MEMORY_BASE: usize = 1 << 20;

/// Metadata that an event inherits from what its publisher handles: the trace.
const INHERITED: &[&str] = &["traceparent", "tracestate", "baggage"];

/// Something that happened, as it travels.
#[non_exhaustive]
#[derive(Clone)]
pub struct Event {
    /// The topic, for example `orders.made`.
    pub topic: String,
    /// What tells it from all others; a subscriber handles two events of one id once.
    pub id: String,
    /// Events of one key are handled in the order of publishing. Of a queue with several members,
    /// one gets them all, as long as the members stay the same; every publisher picks the same one.
    pub key: Option<String>,
    /// What travels beside the payload, the trace context among it.
    pub metadata: Metadata,
    /// When it was published, by its publisher's clock.
    pub time: SystemTime,
    /// How long after it was taken it is to be handled.
    pub delay: Duration,
    /// What the bytes are: `application/proto`, `application/json`.
    pub content_type: String,
    /// The payload.
    pub body: Bytes,
    /// How often it was given to a subscriber that did not handle it.
    pub redelivered: u32,
    /// Writes the payload as JSON, for subscribers that read nothing else.
    json: Option<ToJson>,
}

/// From a payload's bytes to its JSON.
type ToJson = fn(&Bytes) -> Result<Vec<u8>>;

impl Event {
    /// An event of a message: protobuf, a random id, no key, the current trace.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` when the topic is none.
    pub fn new<M: Message>(topic: &str, message: &M) -> Result<Self> {
        let mut body = Vec::new();
        message.encode(&mut body);
        let event = Self::raw(topic, "application/proto", body)?;
        Ok(Self {
            json: Some(json::<M>),
            ..event
        })
    }

    /// An event of bytes.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` when the topic is none.
    pub fn raw(topic: &str, content_type: &str, body: impl Into<Bytes>) -> Result<Self> {
        check_topic(topic)?;
        Ok(Self {
            topic: topic.to_owned(),
            id: random_id(),
            key: None,
            metadata: inherited(),
            time: SystemTime::now(),
            delay: Duration::ZERO,
            content_type: content_type.to_owned(),
            body: body.into(),
            redelivered: 0,
            json: None,
        })
    }

    /// Sets the key.
    pub fn with_key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// Sets the id.
    pub fn with_id(mut self, id: impl Into<String>) -> Self {
        self.id = id.into();
        self
    }

    /// How many bytes it has: the payload and what travels beside it.
    pub(crate) fn size(&self) -> usize {
        let metadata = self.metadata.iter();
        let metadata: usize = metadata.map(|(key, value)| key.len() + value.len()).sum();
        let key = self.key.as_ref().map_or(0, String::len);
        let words = self.topic.len() + self.id.len() + self.content_type.len();
        self.body.len() + metadata + key + words
    }

    /// How the payload is to be read; `None` for bytes of another kind.
    pub fn codec(&self) -> Option<Codec> {
        let kind = self.content_type.split(';').next().unwrap_or_default();
        match kind.trim().to_ascii_lowercase().as_str() {
            "application/proto"
            | "application/protobuf"
            | "application/x-protobuf"
            | "application/grpc+proto" => Some(Codec::Protobuf),
            "application/json" | "application/grpc+json" => Some(Codec::Json),
            _ => None,
        }
    }

    /// Reads the payload.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` when it is no `M`, or of a content type that is not known.
    pub fn decode<M: Message>(&self) -> Result<M> {
        let codec = self.codec().ok_or_else(|| {
            Error::invalid_argument(format!(
                "content type `{}` is not `application/proto` or `application/json`",
                self.content_type.escape_debug()
            ))
        })?;
        codec.decode(&self.body, self.memory())
    }

    /// How many bytes of memory decoding the payload may take.
    pub fn memory(&self) -> usize {
        self.body
            .len()
            .saturating_mul(MEMORY_FACTOR)
            .saturating_add(MEMORY_BASE)
    }

    /// The payload as JSON where that is possible, else as it is; with its content type.
    ///
    /// # Errors
    ///
    /// When the payload is not of the type that it was published as.
    pub fn readable(&self) -> Result<(&str, Bytes)> {
        match (self.codec(), self.json) {
            (Some(Codec::Protobuf), Some(json)) => {
                Ok(("application/json", json(&self.body)?.into()))
            }
            _ => Ok((&self.content_type, self.body.clone())),
        }
    }
}

fn json<M: Message>(body: &Bytes) -> Result<Vec<u8>> {
    let mut text = Vec::new();
    M::decode(body, usize::MAX)?.encode_json(&mut text)?;
    Ok(text)
}

/// The trace of what the current task handles.
fn inherited() -> Metadata {
    let mut metadata = Metadata::new();
    let Some(context) = Context::current() else {
        return metadata;
    };
    for key in INHERITED {
        for value in context.metadata().get_all(key) {
            if let Err(error) = metadata.append(*key, value) {
                tracing::debug!(key, %error, "not carried on");
            }
        }
    }
    metadata
}

/// 128 random bits.
pub fn random_id() -> String {
    format!("{:032x}", fastrand::u128(..))
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event")
            .field("topic", &self.topic)
            .field("id", &self.id)
            .field("key", &self.key)
            .field("content_type", &self.content_type)
            .field("bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// Where a broker finds itself: what a backend that lives off its program's port is given.
#[non_exhaustive]
#[derive(Debug, Clone)]
pub struct HostInfo {
    /// Where subscribers are written down and found.
    pub registry: Registry,
    /// Where this process listens, `host:port`, once it does.
    pub address: Option<String>,
}

impl HostInfo {
    /// A place without an address.
    pub fn new(registry: Registry) -> Self {
        Self {
            registry,
            address: None,
        }
    }

    /// Sets where this process listens.
    pub fn at(mut self, address: impl Into<String>) -> Self {
        self.address = Some(address.into());
        self
    }
}
