//! [`AckHandle`] reports the outcome of one delivery to the event's sender, exactly once.

use std::fmt;

/// Final outcome of an event that a subscriber accepted, as reported to the event's sender.
///
/// The outcome determines only whether the sender must keep the event. Attempts, retries and dead
/// letters are internal to the subscriber: an event that is going to be retried has no outcome yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryOutcome {
    /// The event was handled or is kept as a dead letter. The sender may discard it.
    Handled,
    /// The subscriber ended before it handled the event. The sender delivers it to another member.
    Returned,
}

/// Reports the outcome of one delivery to the event's sender.
///
/// A backend passes a handle along with each event that it puts into an [`Inbox`](crate::Inbox). A
/// handle that is dropped without a call to [`complete`](Self::complete) reports
/// [`Returned`](DeliveryOutcome::Returned).
pub struct AckHandle(Option<Box<dyn FnOnce(DeliveryOutcome) + Send + Sync>>);

impl AckHandle {
    /// Creates a handle that calls `tell` with the outcome. The function must not block.
    pub fn new(tell: impl FnOnce(DeliveryOutcome) + Send + Sync + 'static) -> Self {
        Self(Some(Box::new(tell)))
    }

    /// Creates a handle that discards the outcome, for senders that do not keep their events.
    pub fn nobody() -> Self {
        Self(None)
    }

    /// Reports the outcome.
    pub fn complete(mut self, outcome: DeliveryOutcome) {
        if let Some(tell) = self.0.take() {
            tell(outcome);
        }
    }
}

impl Drop for AckHandle {
    fn drop(&mut self) {
        if let Some(tell) = self.0.take() {
            tell(DeliveryOutcome::Returned);
        }
    }
}

impl fmt::Debug for AckHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AckHandle({})", self.0.is_some())
    }
}
