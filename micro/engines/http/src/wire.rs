//! Messages between two brokers: the protocol `micro.broker.v1`.
//!
//! One gRPC stream carries batches of events to a process and delivery reports back. Each event has
//! a number within its stream, and reports refer to events by number.

use std::time::{Duration, SystemTime};

use bytes::Bytes;

use micro_broker::Event;
use micro_message::error::Result;
use micro_message::metadata::Metadata;

/// Name of the service that receives events.
pub(crate) const SERVICE: &str = "micro.broker.v1.Broker";
pub(crate) const DELIVER: &str = "/micro.broker.v1.Broker/Deliver";
/// Maximum size of one event in bytes, including metadata and the other fields.
pub(crate) const MAX_EVENT: usize = 4 << 20;
/// Maximum size of a message in bytes: an event and the surrounding encoding.
pub(crate) const MAX_MESSAGE: usize = MAX_EVENT + (1 << 20);

/// Events for the subscribers of one process.
#[micro::message(package = "micro.broker.v1")]
#[derive(Debug, Clone, Default)]
pub(crate) struct Batch {
    pub(crate) events: Vec<Envelope>,
}

/// An event for one subscriber.
#[micro::message(package = "micro.broker.v1")]
#[derive(Debug, Clone)]
pub(crate) struct Envelope {
    /// Number by which delivery reports refer to the event.
    pub(crate) number: u64,
    /// Id of the subscriber's node in the registry.
    pub(crate) subscriber: String,
    /// Maximum time that the event waits for room.
    pub(crate) patience: Duration,
    pub(crate) topic: String,
    pub(crate) id: String,
    pub(crate) key: Option<String>,
    pub(crate) metadata: Vec<MetadataEntry>,
    pub(crate) time: SystemTime,
    pub(crate) delay: Duration,
    pub(crate) content_type: String,
    pub(crate) body: Bytes,
    pub(crate) redelivered: u32,
}

/// A metadata entry.
#[micro::message(package = "micro.broker.v1")]
#[derive(Debug, Clone)]
pub(crate) struct MetadataEntry {
    pub(crate) key: String,
    pub(crate) value: String,
}

/// Progress of events, by their numbers.
#[micro::message(package = "micro.broker.v1")]
#[derive(Debug, Clone, Default)]
pub(crate) struct DeliveryReport {
    /// Events that a subscriber accepted.
    pub(crate) taken: Vec<u64>,
    /// Events that were handled or kept as dead letters. The publisher may discard them.
    pub(crate) handled: Vec<u64>,
    /// Events that were accepted and whose subscriber ended before it had handled them.
    pub(crate) returned: Vec<u64>,
    /// Events that were not accepted.
    pub(crate) refused: Vec<Refused>,
    /// Prefix of the ids of the sender's subscribers. Empty if the report does not contain a list
    /// of subscribers.
    pub(crate) process: String,
    /// Ids of all subscribers of the sender that accept events. Sent when a stream begins and
    /// whenever the list changes. A subscriber that is missing from a later list has ended
    /// gracefully.
    pub(crate) subscribers: Vec<String>,
}

/// Why an event was not accepted.
#[micro::message(package = "micro.broker.v1")]
#[derive(Debug, Clone)]
pub(crate) struct Refused {
    pub(crate) number: u64,
    /// Whether the subscriber exists and has no room.
    pub(crate) full: bool,
    pub(crate) reason: String,
}

impl Envelope {
    pub(super) fn new(subscriber: &str, event: &Event, patience: Duration) -> Self {
        let pair = |(key, value): (&str, &str)| MetadataEntry {
            key: key.to_owned(),
            value: value.to_owned(),
        };
        Self {
            number: 0,
            subscriber: subscriber.to_owned(),
            patience,
            topic: event.topic.clone(),
            id: event.id.clone(),
            key: event.key.clone(),
            metadata: event.metadata.iter().map(pair).collect(),
            time: event.time,
            delay: event.delay,
            content_type: event.content_type.clone(),
            body: event.body.clone(),
            redelivered: event.redelivered,
        }
    }

    /// Returns the size in bytes of the strings, the metadata and the payload, without numbers and
    /// field tags.
    pub(super) fn size(&self) -> usize {
        let metadata = self.metadata.iter();
        let metadata: usize = metadata
            .map(|pair| pair.key.len() + pair.value.len() + 8)
            .sum();
        let key = self.key.as_ref().map_or(0, String::len);
        let words = [&self.subscriber, &self.topic, &self.id, &self.content_type];
        let words: usize = words.iter().map(|word| word.len()).sum();
        self.body.len() + metadata + key + words
    }

    /// Converts the envelope to the event that the subscriber receives.
    pub(super) fn into_event(self) -> Result<Event> {
        let mut event = Event::raw(&self.topic, &self.content_type, self.body)?;
        event.metadata = Metadata::new();
        for MetadataEntry { key, value } in self.metadata {
            event.metadata.append(key, value)?;
        }
        event.id = self.id;
        event.key = self.key;
        event.time = self.time;
        event.delay = self.delay;
        event.redelivered = self.redelivered;
        Ok(event)
    }
}

impl DeliveryReport {
    pub(super) fn is_empty(&self) -> bool {
        self.taken.is_empty()
            && self.handled.is_empty()
            && self.returned.is_empty()
            && self.refused.is_empty()
            && self.process.is_empty()
    }
}
