//! Waiting for conditions, with a deadline.

use std::future::Future;
use std::thread;
use std::time::{Duration, Instant};

/// Deadline for conditions that take milliseconds on an idle machine.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// Interval between checks.
const PAUSE: Duration = Duration::from_millis(5);

/// Waits until `look` returns a value.
///
/// # Panics
///
/// Panics if `look` returns no value before [`DEADLINE`]. `what` names the awaited condition.
pub fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(
            start.elapsed() < DEADLINE,
            "waited {DEADLINE:?} in vain: {what}"
        );
        thread::sleep(PAUSE);
    }
}

/// Waits until `look` returns a value, without blocking the runtime.
///
/// # Panics
///
/// See [`until`].
pub async fn until_async<T, L, F>(what: &str, mut look: L) -> T
where
    L: FnMut() -> F,
    F: Future<Output = Option<T>>,
{
    let start = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(
            start.elapsed() < DEADLINE,
            "waited {DEADLINE:?} in vain: {what}"
        );
        tokio::time::sleep(PAUSE).await;
    }
}
