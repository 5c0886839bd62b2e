//! `Health`: whether a node is ejected, and when it is probed next.
//!
//! Does not probe: who holds connections does, after the pauses given here.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

/// How ejected nodes are probed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Probing {
    /// Pause before the first probe; each further one is twice as long. 100 ms unless set.
    pub first: Duration,
    /// The longest pause; 5 s unless set, as a probe is one attempt to connect and costs little.
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
    /// The pause after so many failures in a row, without jitter.
    pub fn pause(&self, failures: u32) -> Duration {
        let doubled = self
            .first
            .saturating_mul(1 << failures.saturating_sub(1).min(20));
        doubled.min(self.longest)
    }
}

/// Whether a node is ejected.
#[derive(Debug, Default)]
pub struct Health {
    /// Written by who connects, read by every pick.
    ejected: AtomicBool,
    /// Failures in a row; reset when the node is let in again.
    failures: AtomicU32,
}

impl Health {
    /// Takes the node out; returns how many times in a row it has failed.
    pub fn eject(&self) -> u32 {
        self.ejected.store(true, Ordering::Relaxed);
        let before = self.failures.load(Ordering::Relaxed);
        self.failures
            .store(before.saturating_add(1), Ordering::Relaxed);
        before.saturating_add(1)
    }

    /// Lets the node in again, without trusting it yet: the failures stay counted.
    pub fn admit(&self) {
        self.ejected.store(false, Ordering::Relaxed);
    }

    /// Lets the node in again as if it had never failed.
    pub fn readmit(&self) {
        self.failures.store(0, Ordering::Relaxed);
        self.admit();
    }

    /// Whether the node is out.
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
