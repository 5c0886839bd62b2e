//! `WakeState`: a waker that knows whether its future is being polled.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use crate::platform::{AtomicU8, AtomicWaker, Instant};

/// Maximum number of polls in a row, as long as they take less than [`MAX_POLL_TIME`]. Under loom,
/// two polls are enough to reach every branch.
pub(crate) const MAX_POLLS: usize = if cfg!(loom) { 2 } else { 16 };
/// Maximum duration of polls in a row before other tasks run. A millisecond.
pub(crate) const MAX_POLL_TIME: Duration = Duration::from_millis(1);

/// A poll is in progress. A wake only sets [`WOKEN`]; the polling task sees it and polls again.
const POLLING: u8 = 1;
/// The future was woken since the beginning of the last poll.
const WOKEN: u8 = 2;

/// Wakes a task, unless this task or another one is already polling the future.
///
/// The two bits of the state are independent:
///
/// | state | meaning | a wake |
/// |---|---|---|
/// | 0 | idle | sets `WOKEN`, wakes the task |
/// | `WOKEN` | the task was woken and has not polled yet | wakes the task again, if it registered |
/// | `POLLING` | a poll is in progress | sets `WOKEN` |
/// | `POLLING` and `WOKEN` | a poll is in progress, and another one follows | nothing |
///
/// Every change is a read-modify-write, so a thread that reads the state has seen everything that
/// all wakers wrote before they changed it. All orderings are sequentially consistent: the state is
/// read together with `SharedFuture::stopped`, and on x86-64 a weaker ordering would compile to the
/// same instructions.
#[derive(Debug, Default)]
pub(crate) struct WakeState {
    state: AtomicU8,
    /// The task to wake. A wake consumes the registration, so each poll of the task registers it
    /// again before it reads the state.
    pub(crate) task: AtomicWaker,
}

/// How a series of polls ended.
pub(crate) enum PollOutcome<T> {
    /// The future returned an output. The signal stays busy: it records wakes and does not pass
    /// them on.
    Ready(T),
    /// The future is pending and has not been woken since. The signal is idle: it passes wakes on.
    Rest,
    /// The future was woken again, but other tasks should run first. The signal is idle: it passes
    /// wakes on.
    Enough,
}

impl WakeState {
    /// Marks the signal as busy. Returns false if it already was.
    pub(crate) fn begin(&self) -> bool {
        self.state.fetch_or(POLLING, Ordering::SeqCst) & POLLING == 0
    }

    /// Records a wake without waking the task. The current poll, or the next one, is followed by at
    /// least one more poll.
    pub(crate) fn mark(&self) {
        self.state.fetch_or(WOKEN, Ordering::SeqCst);
    }

    /// Whether a wake is recorded and no poll is in progress.
    pub(crate) fn is_waiting(&self) -> bool {
        self.state.load(Ordering::SeqCst) == WOKEN
    }

    /// Ends what [`begin`](Self::begin) began. Returns whether a wake was recorded since the last
    /// poll.
    pub(crate) fn end(&self) -> bool {
        self.state.fetch_and(!POLLING, Ordering::SeqCst) & WOKEN != 0
    }

    /// Polls while wakes are recorded. Must follow a [`begin`](Self::begin).
    pub(crate) fn poll_while_woken<T>(
        &self,
        waker: &Waker,
        mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> PollOutcome<T> {
        let begun = Instant::now();
        for round in 0..MAX_POLLS {
            if self.try_end() {
                return PollOutcome::Rest;
            }
            if round > 0 && begun.elapsed() >= MAX_POLL_TIME {
                break;
            }
            // The flag is cleared before the poll: a wake during the poll causes another poll.
            self.state.swap(POLLING, Ordering::SeqCst);
            if let Poll::Ready(output) = poll(&mut Context::from_waker(waker)) {
                return PollOutcome::Ready(output);
            }
        }
        if self.end() {
            PollOutcome::Enough
        } else {
            PollOutcome::Rest
        }
    }

    /// Ends what was begun if no wake is recorded. This is one atomic step: a wake either comes
    /// before it and is seen here, or comes after it and wakes the task.
    fn try_end(&self) -> bool {
        let (ordering, state) = (Ordering::SeqCst, &self.state);
        state
            .compare_exchange(POLLING, 0, ordering, ordering)
            .is_ok()
    }
}

impl Wake for WakeState {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.state.fetch_or(WOKEN, Ordering::SeqCst) & POLLING == 0 {
            self.task.wake();
        }
    }
}
