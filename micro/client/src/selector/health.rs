//! `Health`: whether a node is ejected, and the pauses between its probes.
//!
//! This module does not probe. The owner of the connections does, after the pauses given here.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

/// Backoff between the probes of an ejected node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Probing {
    /// Pause before the first probe; doubled for each further probe. Default: 100 ms.
    pub first: Duration,
    /// Maximum pause. Default: 5 s, as a probe is one attempt to connect and costs little.
    pub longest: Duration,
}

impl Default for Probing {
    fn default() -> Self {
        Self {
            first: Duration::from_millis(100),
            longest: Duration::from_secs(5),
        }
    }
}

impl Probing {
    /// Returns the pause after this number of consecutive failures, without jitter.
    pub fn pause(&self, failures: u32) -> Duration {
        let doubled = self
            .first
            .saturating_mul(1 << failures.saturating_sub(1).min(20));
        doubled.min(self.longest)
    }
}

/// Health of a node: whether it is ejected, and how often it has failed in a row.
#[derive(Debug, Default)]
pub struct Health {
    /// Written by the owner of the connection, read by every pick.
    ejected: AtomicBool,
    /// Number of consecutive failures; reset by [`readmit`](Self::readmit).
    failures: AtomicU32,
}

impl Health {
    /// Ejects the node. Returns its number of consecutive failures.
    pub fn eject(&self) -> u32 {
        self.ejected.store(true, Ordering::Relaxed);
        let before = self.failures.load(Ordering::Relaxed);
        self.failures
            .store(before.saturating_add(1), Ordering::Relaxed);
        before.saturating_add(1)
    }

    /// Admits the node again, but keeps its number of failures.
    pub fn admit(&self) {
        self.ejected.store(false, Ordering::Relaxed);
    }

    /// Admits the node again and resets its number of failures.
    pub fn readmit(&self) {
        self.failures.store(0, Ordering::Relaxed);
        self.admit();
    }

    /// Whether the node is ejected.
    pub fn is_ejected(&self) -> bool {
        self.ejected.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest() {
        let probing = Probing::default();
        let pauses: Vec<_> = (1..9).map(|n| probing.pause(n).as_millis()).collect();
        assert_eq!(pauses, [100, 200, 400, 800, 1600, 3200, 5000, 5000]);
        assert_eq!(probing.pause(u32::MAX), probing.longest);
    }

    #[test]
    fn readmitted_node_starts_over() {
        let health = Health::default();
        assert_eq!((health.eject(), health.eject()), (1, 2));
        health.admit();
        assert!(!health.is_ejected());
        assert_eq!(health.eject(), 3);
        health.readmit();
        assert!(!health.is_ejected());
        assert_eq!(health.eject(), 1);
    }
}
