//! Exponential backoff with jitter, so that clients that failed together do not retry together.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::time::Duration;

const INITIAL_BACKOFF: Duration = Duration::from_millis(10);
const MAX_BACKOFF: Duration = Duration::from_secs(1);

/// Returns the backoff after this number of attempts: 10 ms, doubled up to 1 s, with jitter.
pub(super) fn pause(attempts: u32) -> Duration {
    let doubled = INITIAL_BACKOFF.saturating_mul(1 << attempts.saturating_sub(1).min(16));
    jittered(doubled.min(MAX_BACKOFF))
}

/// Returns a random duration between half of `length` and all of it.
pub(super) fn jittered(length: Duration) -> Duration {
    // The keys of each `RandomState` differ, which is random enough for jitter and needs no further
    // crate.
    let random = RandomState::new().hash_one(length) % 1024;
    let share = u32::try_from(random).expect("less than 1024");
    length / 2 + length / 2 * share / 1024
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_within_their_jitter() {
        for attempts in 1..40 {
            let full = INITIAL_BACKOFF
                .saturating_mul(1 << (attempts - 1).min(16))
                .min(MAX_BACKOFF);
            let pause = pause(attempts);
            assert!(pause >= full / 2 && pause <= full, "{attempts}: {pause:?}");
        }
    }
}
