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
    message = "`{Self}` is no event: it has no topic",
    label = "no event",
    note = "if `{Self}` is your own struct or enum with data, write \
            `#[micro::message(topic = \"…\")]` on it",
    note = "or take `micro::broker::Event`, which is every event of every topic; the event is the \
            last parameter"
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
pub struct Heard<T> {
    pattern: &'static str,
    parts: EventParts<T>,
}

/// A topic or pattern fits the event's type.
///
/// # Panics
///
/// While compiling, when it does not.
pub const fn on_topic<T: OnTopic>(pattern: &'static str) -> Heard<T> {
    if let Some(topic) = T::TOPIC {
        assert!(
            matches(pattern, topic),
            "the subscriber's topic is not that of the event's type: leave it out here, or name \
             the same in `#[micro::message(topic = \"…\")]`; for events of several types take \
             `micro::broker::Event`"
        );
    }
    Heard {
        pattern,
        parts: T::PARTS,
    }
}

/// The topic is that of the event's type.
pub const fn topic_of<T: Topic>() -> Heard<T> {
    Heard {
        pattern: T::TOPIC,
        parts: EventParts::of(),
    }
}

/// A subscriber.
pub fn subscriber<T, Function, Running>(
    name: &'static str,
    heard: Heard<T>,
    function: Function,
) -> Subscriber
where
    T: Send + 'static,
    Function: Fn(Parts, T) -> Running + Clone + Send + Sync + 'static,
    Running: Future<Output = Result<()>> + Send + 'static,
{
    Subscriber::from_parts((name, heard.pattern), heard.parts, function)
}

/// A table whose entries `#[cfg]` may have taken away.
pub fn subscribers<const N: usize>(table: [Subscriber; N]) -> Vec<Subscriber> {
    table.into()
}
