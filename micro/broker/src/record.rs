//! Data types of the broker: events, and information about the host process.

use std::fmt;
use std::time::{Duration, SystemTime};

use bytes::Bytes;

use crate::topic::check_topic;
use micro_core::context::Context;
use micro_message::codec::{Codec, Message};
use micro_message::error::{Error, Result};
use micro_message::internal::INHERITED;
use micro_message::metadata::Metadata;
use micro_registry::Registry;

/// Memory limit for decoding, in bytes per byte of the payload. [`MEMORY_BASE`] is added to it.
const MEMORY_FACTOR: usize = 16;
const MEMORY_BASE: usize = 1 << 20;

/// An event: a message published to a topic.
#[non_exhaustive]
#[derive(Clone)]
pub struct Event {
    /// Topic, for example `orders.made`.
    pub topic: String,
    /// Unique id. A subscriber handles events with the same id once.
    pub id: String,
    /// Key. Events with the same key are handled in the order of publishing. In a queue with
    /// several members, one member receives all of them as long as the set of members does not
    /// change; every publisher picks the same member.
    pub key: Option<String>,
    /// Metadata, including the trace context.
    pub metadata: Metadata,
    /// Time of publication, by the publisher's clock.
    pub time: SystemTime,
    /// Delay between acceptance and handling of the event.
    pub delay: Duration,
    /// Content type of the payload: `application/proto` or `application/json`.
    pub content_type: String,
    /// The payload.
    pub body: Bytes,
    /// Number of times that the event was delivered to a subscriber that did not handle it.
    pub redelivered: u32,
    /// Encodes the payload as JSON, for subscribers that only accept JSON.
    json: Option<ToJson>,
}

/// Function that converts an encoded payload to JSON.
type ToJson = fn(&Bytes) -> Result<Vec<u8>>;

impl Event {
    /// Creates an event from a message: encoded as protobuf, with a random id, without a key, with
    /// the current trace context.
    ///
    /// # Errors
    ///
    /// Returns `InvalidArgument` if the topic is invalid.
    pub fn new<M: Message>(topic: &str, message: &M) -> Result<Self> {
        let mut body = Vec::new();
        message.encode(&mut body);
        let event = Self::raw(topic, "application/proto", body)?;
        Ok(Self {
            json: Some(json::<M>),
            ..event
        })
    }

    /// Creates an event from an encoded payload.
    ///
    /// # Errors
    ///
    /// Returns `InvalidArgument` if the topic is invalid.
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

    /// Returns the size in bytes of the payload, the metadata and the other fields.
    pub(crate) fn size(&self) -> usize {
        let metadata = self.metadata.iter();
        let metadata: usize = metadata.map(|(key, value)| key.len() + value.len()).sum();
        let key = self.key.as_ref().map_or(0, String::len);
        let words = self.topic.len() + self.id.len() + self.content_type.len();
        self.body.len() + metadata + key + words
    }

    /// Returns the codec for the content type; `None` if the content type is unknown.
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

    /// Decodes the payload.
    ///
    /// # Errors
    ///
    /// Returns `InvalidArgument` if the payload is not a valid `M` or the content type is unknown.
    pub fn decode<M: Message>(&self) -> Result<M> {
        let codec = self.codec().ok_or_else(|| {
            Error::invalid_argument(format!(
                "content type `{}` is not `application/proto` or `application/json`",
                self.content_type.escape_debug()
            ))
        })?;
        codec.decode(&self.body, self.memory())
    }

    /// Returns the memory limit for decoding the payload, in bytes.
    pub fn memory(&self) -> usize {
        self.body
            .len()
            .saturating_mul(MEMORY_FACTOR)
            .saturating_add(MEMORY_BASE)
    }

    /// Returns the payload as JSON if the event can be converted, else unchanged, with its content
    /// type.
    ///
    /// # Errors
    ///
    /// Fails if the payload does not decode as the type of the published message.
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

/// Returns the trace context and baggage of the request or event that the current task handles.
fn inherited() -> Metadata {
    let mut metadata = Metadata::new();
    let Some(context) = Context::current() else {
        return metadata;
    };
    for key in INHERITED {
        for value in context.metadata().get_all(key) {
            if let Err(error) = metadata.append(key, value) {
                tracing::debug!(key, %error, "not carried on");
            }
        }
    }
    metadata
}

/// Returns 128 random bits as hexadecimal digits.
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

/// Information about the host process, for backends that receive events on the app's port.
#[non_exhaustive]
#[derive(Debug, Clone)]
pub struct HostInfo {
    /// Registry in which subscribers are registered and looked up.
    pub registry: Registry,
    /// Address at which this process listens, `host:port`. `None` until it listens.
    pub address: Option<String>,
}

impl HostInfo {
    /// Creates the information without an address.
    pub fn new(registry: Registry) -> Self {
        Self {
            registry,
            address: None,
        }
    }

    /// Sets the address at which this process listens.
    pub fn at(mut self, address: impl Into<String>) -> Self {
        self.address = Some(address.into());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn event_inherits_trace_and_baggage_and_nothing_else() {
        let mut metadata = Metadata::new();
        for (key, value) in [
            ("traceparent", "00-1-2-01"),
            ("baggage", "user=ada"),
            ("baggage", "plan=free"),
            ("authorization", "secret"),
        ] {
            metadata.append(key, value).unwrap();
        }
        let create = async { Event::raw("a", "text/plain", "x") };
        let event = Context::new().with_metadata(metadata).scope(create).await;
        let inherited = event.unwrap().metadata;
        let inherited: Vec<_> = inherited.iter().collect();
        let expected = [
            ("traceparent", "00-1-2-01"),
            ("baggage", "user=ada"),
            ("baggage", "plan=free"),
        ];
        assert_eq!(inherited, expected);
    }
}
