//! Subscribers that anybody on the network may have announced: whether they take events.
//!
//! A record costs a stranger one datagram. A subscriber that nothing but such a record tells of
//! must not make publishing fail, so until it has taken its first event of this process it is on
//! trial: where others take an event, and it does not, it is passed over and the log says so.
//! Afterwards it is a subscriber as every other, whose failures are the publisher's.

use std::sync::atomic::{AtomicBool, Ordering};

use micro_wake::sync::Mutex;
use tokio::time::{Duration, Instant};

/// How long it may take for its first event.
const LIMIT: Duration = Duration::from_secs(2);
/// How long it is passed over after a failure.
const ASIDE: Duration = Duration::from_secs(30);

/// What is known of one such subscriber.
#[derive(Debug, Default)]
pub(super) struct Trial {
    passed: AtomicBool,
    aside_until: Mutex<Option<Instant>>,
}

impl Trial {
    /// When an offer has to be taken.
    pub(super) fn limit(&self, deadline: Instant) -> Instant {
        if self.has_passed() {
            return deadline;
        }
        deadline.min(Instant::now() + LIMIT)
    }

    pub(super) fn has_passed(&self) -> bool {
        self.passed.load(Ordering::Relaxed)
    }

    /// It took an event.
    pub(super) fn pass(&self) {
        self.passed.store(true, Ordering::Relaxed);
        *self.aside_until.lock() = None;
    }

    /// Whether it is passed over where others take an event.
    pub(super) fn is_aside(&self, now: Instant) -> bool {
        self.aside_until.lock().is_some_and(|until| now < until)
    }

    /// It took no event; says whether it is passed over from now on and was not before.
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
