//! Subscribers from parts that know the events: where generated code states its bounds.
//!
//! A bound is stated once, by [`on_topic`] or [`topic_of`], so that a type that is no event is
//! reported once; whether the topic fits is found out while compiling.

use std::future::Future;

use micro_core::handler::Parts;
use micro_message::codec::Topic;
use micro_message::error::Result;

use crate::record::Event;
use crate::subscriber::{EventParts, Subscriber};
use crate::topic::matches;

/// What a subscriber may take: a message that has a topic, or any event as it came.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an event, because it has no topic",
    label = "not an event",
    note = "if `{Self}` is your own struct or enum with data, put \
            `#[micro::message(topic = \"…\")]` on it",
    note = "to receive events of any type, take `micro::broker::Event` as the last parameter"
)]
pub trait OnTopic: Sized + 'static {
    /// The topic; none: any.
    const TOPIC: Option<&'static str>;
    /// How it is read.
    const PARTS: EventParts<Self>;
}

#[diagnostic::do_not_recommend]
impl<T: Topic> OnTopic for T {
    const TOPIC: Option<&'static str> = Some(T::TOPIC);
    const PARTS: EventParts<Self> = EventParts::of();
}

impl OnTopic for Event {
    const TOPIC: Option<&'static str> = None;
    const PARTS: EventParts<Self> = EventParts::of();
}

/// What is known of an event's type, and the topics that it comes from.
#[derive(Debug)]
pub struct EventSpec<T> {
    pattern: &'static str,
    parts: EventParts<T>,
}

/// A topic or pattern fits the event's type.
///
/// # Panics
///
/// While compiling, when it does not.
pub const fn on_topic<T: OnTopic>(pattern: &'static str) -> EventSpec<T> {
    if let Some(topic) = T::TOPIC {
        assert!(
            matches(pattern, topic),
            "the topic of the subscriber differs from the topic of the event's type; remove it \
             here or write the same topic in `#[micro::message(topic = \"…\")]`, or take \
             `micro::broker::Event` to receive events of several types"
        );
    }
    EventSpec {
        pattern,
        parts: T::PARTS,
    }
}

/// The topic is that of the event's type.
pub const fn topic_of<T: Topic>() -> EventSpec<T> {
    EventSpec {
        pattern: T::TOPIC,
        parts: EventParts::of(),
    }
}

/// A subscriber.
pub fn subscriber<T, F, Fut>(name: &'static str, heard: EventSpec<T>, function: F) -> Subscriber
where
    T: Send + 'static,
    F: Fn(Parts, T) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Result<()>> + Send + 'static,
{
    Subscriber::from_parts((name, heard.pattern), heard.parts, function)
}

/// A table whose entries `#[cfg]` may have taken away.
pub fn subscribers<const N: usize>(table: [Subscriber; N]) -> Vec<Subscriber> {
    table.into()
}
