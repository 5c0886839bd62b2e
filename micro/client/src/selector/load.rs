//! `Load`: calls in flight at a node and its latency, combined into one number for comparison.
//!
//! Latencies within a factor of two count as equal, so that noise does not move all calls to one
//! node.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

/// Half-life of a recorded latency. It makes clients try a slow node again.
const HALF_LIFE: Duration = Duration::from_secs(2);
/// Failures within this time count as one.
const FAILURE_WINDOW: Duration = Duration::from_millis(100);
/// Maximum latency that failures assign to a node.
const MAX_FAILURE_LATENCY: Duration = Duration::from_secs(1);
/// Binary logarithm of the latency below which all latencies are equal: 2^14 ns (16 µs).
const MIN_LATENCY_BITS: u32 = 14;

/// Calls in flight at a node, and its latency.
#[derive(Debug, Default)]
pub struct Load {
    /// Written at the start and end of each call.
    in_flight: AtomicU32,
    /// Moving average in nanoseconds; 0 if unknown. Written at the end of each call. Two concurrent
    /// writers lose one sample, which is harmless.
    latency: AtomicU64,
    /// When `latency` was last written, in nanoseconds of the table's time.
    measured: AtomicU64,
}

impl Load {
    /// Number of calls in flight.
    pub fn in_flight(&self) -> u32 {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// Average time until a response; `None` before the first.
    pub fn latency(&self) -> Option<Duration> {
        match self.latency.load(Ordering::Relaxed) {
            0 => None,
            nanos => Some(Duration::from_nanos(nanos)),
        }
    }

    pub(super) fn begin(&self) {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn end(&self) {
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
    }

    /// Records a call that was answered after `took`.
    pub(super) fn answered(&self, now: Duration, took: Duration) {
        let sample = nanos(took).max(1);
        let before = self.latency.load(Ordering::Relaxed);
        let average = match before {
            0 => sample,
            before => before - before / 4 + sample / 4,
        };
        self.store(now, average);
    }

    /// Records a failed call. A node that fails quickly must not appear fast.
    ///
    /// Failures within `FAILURE_WINDOW` count as one, and the recorded latency is bounded, so that
    /// a node recovers soon after a single failure.
    pub(super) fn failed(&self, now: Duration, took: Duration) {
        let before = self.latency.load(Ordering::Relaxed);
        let age = nanos(now).saturating_sub(self.measured.load(Ordering::Relaxed));
        let factor = if age > nanos(FAILURE_WINDOW) { 2 } else { 1 };
        let punished = before
            .saturating_mul(factor)
            .min(nanos(MAX_FAILURE_LATENCY));
        self.store(now, punished.max(before).max(nanos(took)).max(1_000_000));
    }

    fn store(&self, now: Duration, latency: u64) {
        self.latency.store(latency.max(1), Ordering::Relaxed);
        self.measured.store(nanos(now), Ordering::Relaxed);
    }

    /// Binary logarithm of the latency, reduced by one for each half-life that has passed.
    fn magnitude(&self, now: Duration) -> Option<u32> {
        let latency = self.latency.load(Ordering::Relaxed);
        if latency == 0 {
            return None;
        }
        let age = nanos(now).saturating_sub(self.measured.load(Ordering::Relaxed));
        let halvings = u32::try_from(age / nanos(HALF_LIFE)).unwrap_or(u32::MAX);
        let magnitude = latency.ilog2();
        Some(magnitude.saturating_sub(halvings).max(MIN_LATENCY_BITS))
    }

    /// Whether a call is expected to wait less at this node than at the other. An unknown latency
    /// counts as equal.
    pub(super) fn is_lighter(&self, other: &Self, now: Duration) -> bool {
        let calls = |load: &Self| u64::from(load.in_flight()) + 1;
        match (self.magnitude(now), other.magnitude(now)) {
            (Some(here), Some(there)) => {
                // The magnitudes are at most 63, the calls at most 2^32: no overflow.
                let cost = |load, magnitude: u32| u128::from(calls(load)) << magnitude;
                cost(self, here) < cost(other, there)
            }
            (None, Some(_)) => calls(self) <= calls(other),
            _ => calls(self) < calls(other),
        }
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(100);

    #[test]
    fn busy_and_slow_are_heavier() {
        let (a, b) = (Load::default(), Load::default());
        a.begin();
        assert!(b.is_lighter(&a, NOW) && !a.is_lighter(&b, NOW));
        a.end();
        a.answered(NOW, Duration::from_millis(50));
        b.answered(NOW, Duration::from_millis(1));
        assert!(b.is_lighter(&a, NOW) && !a.is_lighter(&b, NOW));
        assert_eq!(a.in_flight(), 0);
    }

    #[test]
    fn slow_node_is_looked_at_again_later() {
        let (slow, fast) = (Load::default(), Load::default());
        slow.answered(NOW, Duration::from_millis(100));
        let later = NOW + HALF_LIFE * 20;
        fast.answered(later, Duration::from_millis(1));
        assert!(slow.is_lighter(&fast, later));
    }

    #[test]
    fn quick_failures_do_not_look_fast() {
        let (broken, good) = (Load::default(), Load::default());
        good.answered(NOW, Duration::from_micros(500));
        for _ in 0..80 {
            broken.failed(NOW, Duration::from_micros(20));
        }
        assert!(good.is_lighter(&broken, NOW));
        assert!(
            broken.latency().unwrap() <= Duration::from_millis(1),
            "all at once are one"
        );
        for tenths in 1..100 {
            broken.failed(NOW + FAILURE_WINDOW * 2 * tenths, Duration::from_micros(20));
        }
        assert_eq!(broken.latency(), Some(MAX_FAILURE_LATENCY));
    }
}
