//! Waiting on conditions, with an end.

use std::future::Future;
use std::thread;
use std::time::{Duration, Instant};

/// How long to wait for what takes milliseconds on an idle machine.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// How often to look.
const PAUSE: Duration = Duration::from_millis(5);

/// Waits until `look` finds something.
///
/// # Panics
///
/// When it finds nothing for [`DEADLINE`]; `what` says what was awaited.
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

/// Waits until `look` finds something, without blocking the runtime.
///
/// # Panics
///
/// As [`until`].
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
