//! Trial of subscribers that anyone on the network may have announced.
//!
//! An attacker can announce a subscriber with a single datagram. Such a record must not make
//! publishing fail. Until the subscriber has accepted its first event from this process, it is on
//! trial: if other subscribers accept an event and it does not, it is skipped, with a log line.
//! After the trial it is treated like every other subscriber, and its failures make publishing
//! fail.

use std::sync::atomic::{AtomicBool, Ordering};

use micro_wake::sync::Mutex;
use tokio::time::{Duration, Instant};

/// Maximum time to accept an event during the trial.
const LIMIT: Duration = Duration::from_secs(2);
/// Time for which the subscriber is skipped after a failure.
const ASIDE: Duration = Duration::from_secs(30);

/// State of the trial of one subscriber.
#[derive(Debug, Default)]
pub(super) struct Trial {
    passed: AtomicBool,
    aside_until: Mutex<Option<Instant>>,
}

impl Trial {
    /// Returns the deadline of an offer: `deadline`, or an earlier one during the trial.
    pub(super) fn limit(&self, deadline: Instant) -> Instant {
        if self.has_passed() {
            return deadline;
        }
        deadline.min(Instant::now() + LIMIT)
    }

    pub(super) fn has_passed(&self) -> bool {
        self.passed.load(Ordering::Relaxed)
    }

    /// Called when the subscriber accepted an event: ends the trial.
    pub(super) fn pass(&self) {
        self.passed.store(true, Ordering::Relaxed);
        *self.aside_until.lock() = None;
    }

    /// Returns whether the subscriber is skipped if others accept the event.
    pub(super) fn is_aside(&self, now: Instant) -> bool {
        self.aside_until.lock().is_some_and(|until| now < until)
    }

    /// Called when the subscriber did not accept an event. Returns `true` if this starts a new
    /// period in which it is skipped.
    pub(super) fn fail(&self, now: Instant) -> bool {
        if self.has_passed() {
            return false;
        }
        let before = self.aside_until.lock().replace(now + ASIDE);
        before.is_none_or(|until| until <= now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failure_counts_until_an_event_is_taken_and_once_a_while() {
        let (trial, now) = (Trial::default(), Instant::now());
        assert!(!trial.is_aside(now));
        assert!(trial.fail(now) && !trial.fail(now));
        assert!(trial.is_aside(now) && !trial.is_aside(now + ASIDE));
        assert!(trial.fail(now + ASIDE), "it had another chance");
        trial.pass();
        assert!(!trial.is_aside(now) && !trial.fail(now));
        let later = now + Duration::from_secs(100);
        assert_eq!(trial.limit(later), later);
    }
}
