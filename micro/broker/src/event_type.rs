//! Constructors for subscribers that carry the trait bounds of generated code.
//!
//! Generated code states the bound on an event's type only in its call of [`on_topic`] or
//! [`topic_of`], so the compiler reports a type that is not an event once. The topic is checked
//! against the event's type at compile time.

use std::future::Future;

use micro_core::handler::Parts;
use micro_message::codec::Topic;
use micro_message::error::Result;

use crate::record::Event;
use crate::subscriber::{EventParts, Subscriber};
use crate::topic::matches;

/// Type of a subscriber's event parameter: a message with a topic, or [`Event`] for any event.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an event, because it has no topic",
    label = "not an event",
    note = "if `{Self}` is your own struct or enum with data, put \
            `#[micro::message(topic = \"…\")]` on it",
    note = "to receive events of any type, take `micro::broker::Event` as the last parameter"
)]
pub trait OnTopic: Sized + 'static {
    /// Topic of the type. `None` accepts every topic.
    const TOPIC: Option<&'static str>;
    /// Functions that decode the event.
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

/// Decoding functions of an event's type, and the topics that the subscriber receives.
#[derive(Debug)]
pub struct EventSpec<T> {
    pattern: &'static str,
    parts: EventParts<T>,
}

/// Creates the specification for a topic or pattern, and checks that it matches the event's type.
///
/// # Panics
///
/// Panics, as a compile error in `const` evaluation, if the pattern does not match the topic of the
/// type.
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

/// Creates the specification for the topic of the event's type.
pub const fn topic_of<T: Topic>() -> EventSpec<T> {
    EventSpec {
        pattern: T::TOPIC,
        parts: EventParts::of(),
    }
}

/// Creates a subscriber.
pub fn subscriber<T, F, Fut>(name: &'static str, heard: EventSpec<T>, function: F) -> Subscriber
where
    T: Send + 'static,
    F: Fn(Parts, T) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Result<()>> + Send + 'static,
{
    Subscriber::from_parts((name, heard.pattern), heard.parts, function)
}

/// Converts a table of subscribers, whose length depends on `#[cfg]`, to a vector.
pub fn subscribers<const N: usize>(table: [Subscriber; N]) -> Vec<Subscriber> {
    table.into()
}
