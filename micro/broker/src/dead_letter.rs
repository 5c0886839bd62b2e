//! Dead letters: events that could not be handled, with the reason.
//!
//! A dead letter is published to the subscriber's `dead_letter` topic. If the subscriber has no
//! such topic, or publishing fails, the broker logs the dead letter and keeps it in memory until
//! the process ends. Programs that must not lose dead letters set the topic and subscribe to it.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::record::Event;
use micro_message::error::Error;
use micro_message::metadata::Metadata;
use micro_wake::sync::Mutex;

/// Maximum number of dead letters that a broker keeps. The oldest are dropped first; each one was
/// logged when it was added.
const MAX_DEAD_LETTERS: usize = 1024;
/// Maximum length of a reason in metadata, in bytes. Longer reasons are truncated.
const MAX_REASON: usize = 512;

/// An event that could not be handled.
#[non_exhaustive]
#[derive(Debug, Clone)]
pub struct DeadLetter {
    /// The event as it was published.
    pub event: Event,
    /// The subscriber that could not handle the event, or the queue that has no members left.
    pub subscriber: String,
    /// Why the event could not be handled.
    pub reason: String,
    /// Number of attempts to handle the event.
    pub attempts: u32,
}

impl DeadLetter {
    /// Creates a dead letter from the event, the subscriber that it was meant for, the reason and
    /// the number of attempts.
    pub fn new(
        event: Event,
        subscriber: impl Into<String>,
        reason: impl Into<String>,
        attempts: u32,
    ) -> Self {
        Self {
            event,
            subscriber: subscriber.into(),
            reason: reason.into(),
            attempts,
        }
    }

    /// Converts the dead letter to an event for the dead-letter topic `topic`. The original topic,
    /// the subscriber, the reason and the number of attempts become metadata with the prefix
    /// `dead-letter-`.
    pub(super) fn into_event(self, topic: &str) -> Event {
        let mut event = self.event;
        let old = std::mem::replace(&mut event.topic, topic.to_owned());
        let facts = [
            ("dead-letter-topic", old),
            ("dead-letter-subscriber", self.subscriber),
            ("dead-letter-reason", self.reason),
            ("dead-letter-attempts", self.attempts.to_string()),
        ];
        for (key, value) in facts {
            insert(&mut event.metadata, key, &value);
        }
        event.delay = std::time::Duration::ZERO;
        event.redelivered = 0;
        event
    }
}

fn insert(metadata: &mut Metadata, key: &'static str, value: &str) {
    let mut visible = value.escape_default().to_string();
    visible.truncate(MAX_REASON);
    if let Err(error) = metadata.insert(key, visible) {
        tracing::debug!(key, %error, "left out of a dead letter");
    }
}

/// Dead letters kept by a broker. Clones share the same list.
#[derive(Debug, Clone, Default)]
pub(super) struct DeadLetters(Arc<Mutex<VecDeque<DeadLetter>>>);

impl DeadLetters {
    /// Logs a dead letter and stores it. `why` is the error that prevented its publication.
    pub(super) fn keep(&self, letter: DeadLetter, why: Option<&Error>) {
        let event = &letter.event;
        tracing::error!(
            topic = event.topic,
            id = event.id,
            subscriber = letter.subscriber,
            attempts = letter.attempts,
            reason = letter.reason,
            not_published = why.map(Error::chain),
            "event not handled; kept as a dead letter"
        );
        let mut kept = self.0.lock();
        if kept.len() == MAX_DEAD_LETTERS {
            kept.pop_front();
        }
        kept.push_back(letter);
    }

    /// Returns the stored dead letters, oldest first.
    pub(super) fn all(&self) -> Vec<DeadLetter> {
        let kept = self.0.lock();
        kept.iter().cloned().collect()
    }

    /// Removes and returns the stored dead letters, oldest first.
    pub(super) fn take(&self) -> Vec<DeadLetter> {
        let mut kept = self.0.lock();
        kept.drain(..).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_go_first_and_reasons_survive_as_metadata() {
        let letters = DeadLetters::default();
        let letter = |attempts| DeadLetter {
            event: Event::raw("a.b", "text/plain", "x").unwrap(),
            subscriber: "audit".to_owned(),
            reason: "Übel\n".to_owned(),
            attempts,
        };
        for attempts in 0..1025 {
            letters.keep(letter(attempts), None);
        }
        let kept = letters.take();
        assert_eq!((kept.len(), kept[0].attempts), (1024, 1));
        assert!(letters.all().is_empty());
        let event = letter(4).into_event("dead");
        assert_eq!(event.topic, "dead");
        assert_eq!(event.metadata.get("dead-letter-topic"), Some("a.b"));
        let reason = event.metadata.get("dead-letter-reason");
        assert_eq!(reason, Some("\\u{dc}bel\\n"));
        assert_eq!(event.metadata.get("dead-letter-attempts"), Some("4"));
    }
}
