//! Small random number generator that threads can share: `SplitMix64` over an atomic counter.
//!
//! Not cryptographically secure.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, Ordering};

const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

#[derive(Debug)]
pub(super) struct Random(AtomicU64);

impl Random {
    pub(super) fn seeded(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    /// Creates a generator seeded by the standard library's per-map keys.
    pub(super) fn new() -> Self {
        Self::seeded(RandomState::new().hash_one(STEP))
    }

    /// Returns a number below `end`, which must not be 0.
    pub(super) fn below(&self, end: usize) -> usize {
        let mut z = self.0.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        // The high half of the product is as evenly distributed as a modulo, and needs no division.
        let wide = u128::from(z) * (end as u128);
        usize::try_from(wide >> 64).expect("less than `end`")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_comes_about_as_often() {
        let random = Random::seeded(7);
        let mut seen = [0; 5];
        for _ in 0..10_000 {
            seen[random.below(5)] += 1;
        }
        assert!(
            seen.iter().all(|&n| (1_850..2_150).contains(&n)),
            "{seen:?}"
        );
    }
}
