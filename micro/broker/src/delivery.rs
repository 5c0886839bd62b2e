//! `Delivery`: one event given to one subscriber, and the subscriber's word on it.

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

/// What handles deliveries. The engine around it holds the deadline and catches panics; the
/// context is current while it runs.
pub type HandlerFn = Arc<
    dyn Fn(Delivery, Context) -> Pin<Box<dyn Future<Output = Result<()>> + Send>> + Send + Sync,
>;

/// One event given to one subscriber.
///
/// Cheap to clone. The first word counts: [`ack`](Self::ack), [`nack`](Self::nack) or
/// [`dead_letter`](Self::dead_letter); a handler's result speaks for it when nobody did. Where
/// acknowledgement is manual and the last clone is dropped without a word, the event is tried
/// again.
#[derive(Clone)]
pub struct Delivery {
    event: Arc<Event>,
    attempt: u32,
    word: Arc<Mutex<Option<oneshot::Sender<AckKind>>>>,
}

/// What an attempt came to: what is to be done with the event.
///
/// Whoever keeps the event acts on it. [`DeliveryOutcome`](crate::DeliveryOutcome) is what the
/// event's sender hears after that.
#[derive(Debug)]
pub enum AckKind {
    /// It is handled.
    Ack,
    /// It is to be tried again.
    Nack {
        /// The pause before the next attempt.
        after: Duration,
        /// Why.
        reason: String,
    },
    /// It is never to be tried again, and why.
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

    /// The event.
    pub fn event(&self) -> &Event {
        &self.event
    }

    /// The topic that it was published under.
    pub fn topic(&self) -> &str {
        &self.event.topic
    }

    /// The event's id.
    pub fn id(&self) -> &str {
        &self.event.id
    }

    /// The event's key.
    pub fn key(&self) -> Option<&str> {
        self.event.key.as_deref()
    }

    /// Which attempt this is, from 1; subscribers that ended in the middle of one count.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// How long ago the event was published, by the clocks of the publisher and of this machine;
    /// zero when the publisher's is ahead.
    pub fn age(&self) -> Duration {
        SystemTime::now()
            .duration_since(self.event.time)
            .unwrap_or_default()
    }

    /// The event is handled.
    pub fn ack(&self) {
        self.resolve(AckKind::Ack);
    }

    /// The event is to be tried again after a pause, as long as it has retries left.
    pub fn nack(&self, after: Duration) {
        let reason = "the handler said so".to_owned();
        self.resolve(AckKind::Nack { after, reason });
    }

    /// The event can never be handled: it becomes a dead letter.
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
