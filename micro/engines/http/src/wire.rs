//! The messages between two brokers: `micro.broker.v1`.
//!
//! One gRPC stream carries batches of events to a process and words about them back. An event has
//! a number within its stream; a word names it by that.

use std::time::{Duration, SystemTime};

use bytes::Bytes;

use micro_broker::Event;
use micro_message::error::Result;
use micro_message::metadata::Metadata;

/// Where a process takes events.
pub(crate) const SERVICE: &str = "micro.broker.v1.Broker";
pub(crate) const DELIVER: &str = "/micro.broker.v1.Broker/Deliver";
/// The most bytes of one event with what travels beside its payload.
pub(crate) const MAX_EVENT: usize = 4 << 20;
/// The most bytes of a message: an event and what surrounds it.
pub(crate) const MAX_MESSAGE: usize = MAX_EVENT + (1 << 20);

/// Events on their way to the subscribers of one process.
#[micro::message(package = "micro.broker.v1")]
#[derive(Debug, Clone, Default)]
pub(crate) struct Batch {
    pub(crate) events: Vec<Envelope>,
}

/// An event on its way to one subscriber.
#[micro::message(package = "micro.broker.v1")]
#[derive(Debug, Clone)]
pub(crate) struct Envelope {
    /// What words name it by.
    pub(crate) number: u64,
    /// The subscriber, by the id of its node in the registry.
    pub(crate) subscriber: String,
    /// How long it may wait for room.
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

/// One piece of metadata.
#[micro::message(package = "micro.broker.v1")]
#[derive(Debug, Clone)]
pub(crate) struct MetadataEntry {
    pub(crate) key: String,
    pub(crate) value: String,
}

/// What became of events, by their numbers.
#[micro::message(package = "micro.broker.v1")]
#[derive(Debug, Clone, Default)]
pub(crate) struct DeliveryReport {
    /// A subscriber took them.
    pub(crate) taken: Vec<u64>,
    /// They are handled, or kept as dead letters: nobody need keep them.
    pub(crate) handled: Vec<u64>,
    /// The subscriber ended before it had handled them.
    pub(crate) returned: Vec<u64>,
    /// They were not taken.
    pub(crate) refused: Vec<Refused>,
    /// What the ids of this process's subscribers begin with; empty when `subscribers` says
    /// nothing.
    pub(crate) process: String,
    /// All subscribers of this process that take events. Sent when a stream begins and whenever
    /// the list changes: a subscriber that was in it and is not in a later one has ended in order.
    pub(crate) subscribers: Vec<String>,
}

/// Why an event was not taken.
#[micro::message(package = "micro.broker.v1")]
#[derive(Debug, Clone)]
pub(crate) struct Refused {
    pub(crate) number: u64,
    /// Whether the subscriber is there and has no room.
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

    /// How many bytes it has, numbers and what surrounds words aside.
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

    /// The event as its subscriber gets it.
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
