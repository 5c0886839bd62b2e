//! [`Delivery`]: one event passed to one subscriber, and its acknowledgement.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use micro_wake::sync::Mutex;
use tokio::sync::oneshot;

use crate::record::Event;
use micro_core::context::Context;
use micro_message::error::Result;

/// Function that handles deliveries. The caller enforces the deadline and catches panics. The
/// context is the current one while the function runs.
pub type HandlerFn = Arc<
    dyn Fn(Delivery, Context) -> Pin<Box<dyn Future<Output = Result<()>> + Send>> + Send + Sync,
>;

/// One event passed to one subscriber.
///
/// Cheap to clone. The first call of [`ack`](Self::ack), [`nack`](Self::nack) or
/// [`dead_letter`](Self::dead_letter) determines the verdict; later calls have no effect. With
/// automatic acknowledgement, the handler's result determines the verdict if none of them was
/// called. With manual acknowledgement, the event is retried if the last clone is dropped without
/// such a call.
#[derive(Clone)]
pub struct Delivery {
    event: Arc<Event>,
    attempt: u32,
    word: Arc<Mutex<Option<oneshot::Sender<AckKind>>>>,
}

/// Verdict of an attempt: what happens to the event next.
///
/// The inbox acts on the verdict. The event's sender receives only the final
/// [`DeliveryOutcome`](crate::DeliveryOutcome).
#[derive(Debug)]
pub enum AckKind {
    /// The event is handled.
    Ack,
    /// The event is to be retried.
    Nack {
        /// Delay before the next attempt.
        after: Duration,
        /// Why the attempt failed.
        reason: String,
    },
    /// The event must not be retried, with the reason.
    DeadLetter(String),
}

impl Delivery {
    pub(super) fn new(event: Arc<Event>, attempt: u32) -> (Self, oneshot::Receiver<AckKind>) {
        let (sender, receiver) = oneshot::channel();
        let delivery = Self {
            event,
            attempt,
            word: Arc::new(Mutex::new(Some(sender))),
        };
        (delivery, receiver)
    }

    /// Returns the event.
    pub fn event(&self) -> &Event {
        &self.event
    }

    /// Returns the topic under which the event was published.
    pub fn topic(&self) -> &str {
        &self.event.topic
    }

    /// Returns the event's id.
    pub fn id(&self) -> &str {
        &self.event.id
    }

    /// Returns the event's key.
    pub fn key(&self) -> Option<&str> {
        self.event.key.as_deref()
    }

    /// Returns the number of this attempt, from 1. Attempts that were interrupted because a
    /// subscriber ended also count.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// Returns the time since the event was published. The value depends on the clocks of the
    /// publisher and of this machine; it is zero if the publisher's clock is ahead.
    pub fn age(&self) -> Duration {
        SystemTime::now()
            .duration_since(self.event.time)
            .unwrap_or_default()
    }

    /// Acknowledges the event: it is handled.
    pub fn ack(&self) {
        self.resolve(AckKind::Ack);
    }

    /// Rejects the event: it is retried after `after`, as long as it has retries left.
    pub fn nack(&self, after: Duration) {
        let reason = "the handler said so".to_owned();
        self.resolve(AckKind::Nack { after, reason });
    }

    /// Rejects the event permanently: it becomes a dead letter.
    pub fn dead_letter(&self, reason: impl Into<String>) {
        self.resolve(AckKind::DeadLetter(reason.into()));
    }

    fn resolve(&self, verdict: AckKind) {
        let word = self.word.lock().take();
        let heard = word.map(|word| word.send(verdict));
        if !matches!(heard, Some(Ok(()))) {
            tracing::debug!(id = self.event.id, "a word too late");
        }
    }
}

impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery")
            .field("event", &self.event)
            .field("attempt", &self.attempt)
            .finish_non_exhaustive()
    }
}
