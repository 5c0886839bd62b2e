//! `Signal`: a waker that knows whether what it wakes is being polled right now.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use crate::platform::{AtomicU8, AtomicWaker, Instant};

/// How many polls follow each other, as long as they take less than [`MAX_TIME`]. Two are enough
/// for a model to meet every way out.
pub(crate) const MAX_POLLS: usize = if cfg!(loom) { 2 } else { 16 };
/// How long polls follow each other before other tasks run.
pub(crate) const MAX_TIME: Duration = Duration::from_millis(1);

/// Somebody polls. A wake is only noted: whoever polls sees the note and polls again.
const BUSY: u8 = 1;
/// Woken since the beginning of the last poll.
const WOKEN: u8 = 2;

/// Wakes a task, unless the task, or another one in its place, polls already.
///
/// The two bits of the state are independent:
///
/// | state | meaning | a wake |
/// |---|---|---|
/// | 0 | at rest | sets `WOKEN`, wakes the task |
/// | `WOKEN` | the task was woken and has not polled yet | wakes the task again, if it registered |
/// | `BUSY` | somebody polls | sets `WOKEN` |
/// | `BUSY` and `WOKEN` | somebody polls, and will poll again | nothing |
///
/// Every change is a read-modify-write, so that whoever reads a state has seen what all wakers
/// wrote before they changed it. All orderings are sequentially consistent: the state is read
/// together with `Common::stopped`, and on x86-64 a weaker ordering would compile to the same
/// instructions.
#[derive(Debug, Default)]
pub(crate) struct Signal {
    state: AtomicU8,
    /// The task to wake. A wake uses the registration up, so each poll of the task registers it
    /// again before it looks at the state.
    pub(crate) task: AtomicWaker,
}

/// How a series of polls ended.
pub(crate) enum Round<T> {
    /// With an output. Still busy: wakes are noted and not passed on.
    Ready(T),
    /// Pending, and nothing has woken it since. Not busy: wakes are passed on from now on.
    Rest,
    /// Woken again, but other tasks should run first. Not busy: wakes are passed on from now on.
    Enough,
}

impl Signal {
    /// Begins to poll; false when somebody else does.
    pub(crate) fn begin(&self) -> bool {
        self.state.fetch_or(BUSY, Ordering::SeqCst) & BUSY == 0
    }

    /// Notes a wake without waking the task. Whoever polls now, or next, polls at least once more.
    pub(crate) fn mark(&self) {
        self.state.fetch_or(WOKEN, Ordering::SeqCst);
    }

    /// Whether a wake is noted and nobody polls.
    pub(crate) fn is_waiting(&self) -> bool {
        self.state.load(Ordering::SeqCst) == WOKEN
    }

    /// Ends what [`begin`](Self::begin) began; whether a wake was noted since the last poll.
    pub(crate) fn end(&self) -> bool {
        self.state.fetch_and(!BUSY, Ordering::SeqCst) & WOKEN != 0
    }

    /// Polls as long as wakes are noted. Follows a [`begin`](Self::begin).
    pub(crate) fn repeat<T>(
        &self,
        waker: &Waker,
        mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Round<T> {
        let begun = Instant::now();
        for round in 0..MAX_POLLS {
            if self.rest() {
                return Round::Rest;
            }
            if round > 0 && begun.elapsed() >= MAX_TIME {
                break;
            }
            // The note is taken before the poll: a wake during the poll asks for another one.
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

    /// Ends what was begun if no wake is noted. In one step: a wake either comes before it and is
    /// seen here, or after it and wakes the task.
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
