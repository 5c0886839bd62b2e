//! `Signal`: a waker that knows whether what it wakes is being polled right now.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Instant;

use crate::task::Task;
use crate::turn::TURN;

/// How often in one go, and no longer than a turn: then other tasks have theirs.
pub(super) const MOST: usize = 16;

/// Somebody polls: woken, it will be polled again at once. Without it, to wake is to wake the task.
const BUSY: u8 = 1;
/// Woken since it was last polled.
const WOKEN: u8 = 2;

/// Wakes a task, unless that polls already.
#[derive(Debug, Default)]
pub(super) struct Signal {
    state: AtomicU8,
    /// Whom it wakes.
    pub(super) task: Task,
}

/// How polling ended.
pub(super) enum Round<T> {
    /// With an output. Wakes are kept, not passed on.
    Ready(T),
    /// There is nothing new; wakes are passed on from now on.
    Rest,
    /// There is something new, but it is the others' turn; wakes are passed on from now on.
    Enough,
}

// What changes the state is a swap of some kind, so that what each waker has written is seen.
impl Signal {
    /// Begins to poll; false when somebody else does.
    pub(super) fn begin(&self) -> bool {
        self.state.fetch_or(BUSY, Ordering::SeqCst) & BUSY == 0
    }

    /// It has to be polled at least once. Whoever polls it now notices.
    pub(super) fn mark(&self) {
        self.state.fetch_or(WOKEN, Ordering::SeqCst);
    }

    /// Whether there is something new that nobody attends to yet. What is new right afterwards
    /// wakes the task.
    pub(super) fn is_waiting(&self) -> bool {
        self.state.load(Ordering::SeqCst) == WOKEN
    }

    /// Ends what was begun; whether it has been woken since it was last polled.
    pub(super) fn end(&self) -> bool {
        self.state.fetch_and(!BUSY, Ordering::SeqCst) & WOKEN != 0
    }

    /// After the beginning: polls as long as there is something new.
    pub(super) fn repeat<T>(
        &self,
        waker: &Waker,
        mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Round<T> {
        let begun = Instant::now();
        for turn in 0..MOST {
            if self.rest() {
                return Round::Rest;
            }
            if turn > 0 && begun.elapsed() >= TURN {
                break;
            }
            self.state.swap(BUSY, Ordering::SeqCst);
            if let Poll::Ready(output) = poll(&mut Context::from_waker(waker)) {
                return Round::Ready(output);
            }
        }
        if self.end() {
            Round::Enough
        } else {
            Round::Rest
        }
    }

    /// Ends what was begun if there is nothing new.
    fn rest(&self) -> bool {
        let (ordering, state) = (Ordering::SeqCst, &self.state);
        state.compare_exchange(BUSY, 0, ordering, ordering).is_ok()
    }
}

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.state.fetch_or(WOKEN, Ordering::SeqCst) & BUSY == 0 {
            self.task.wake();
        }
    }
}
