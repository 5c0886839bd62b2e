//! `AckHandle`: tells whoever sent an event what became of it, once and in any case.

use std::fmt;

/// What became of an event that a subscriber took, for whoever sent it.
///
/// The sender only asks whether it still has to keep the event. Attempts, retries and dead letters
/// are the subscriber's side and do not show here: an event that is to be tried again has no
/// outcome yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryOutcome {
    /// It was handled, or is kept as a dead letter: whoever sent it may forget it.
    Handled,
    /// The subscriber ended before it was handled: it belongs to another one.
    Returned,
}

/// Tells what became of an event; dropped without a word, it tells that the event is
/// [`Returned`](DeliveryOutcome::Returned).
pub struct AckHandle(Option<Box<dyn FnOnce(DeliveryOutcome) + Send + Sync>>);

impl AckHandle {
    /// Calls a function with the outcome. It must not wait.
    pub fn new(tell: impl FnOnce(DeliveryOutcome) + Send + Sync + 'static) -> Self {
        Self(Some(Box::new(tell)))
    }

    /// For events whose sender does not keep them.
    pub fn nobody() -> Self {
        Self(None)
    }

    /// Tells the outcome.
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
        write!(f, "Settle({})", self.0.is_some())
    }
}
