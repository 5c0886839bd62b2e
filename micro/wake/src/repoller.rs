//! `Repoller`: a future that wakes itself during a poll is polled again at once.
//!
//! A scheduler that finds a task woken within its own poll queues it behind all other tasks and
//! wakes an idle thread, which fetches the task from the queue. That costs a system call on both
//! sides and a move to another processor, although the work is ready in the current poll. HTTP/2
//! wakes a sender whenever it gives the sender capacity, also during the sender's own call.

use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use crate::platform::defer_wake;
use crate::wake_state::{PollOutcome, WakeState};

/// Polls a future again while it wakes itself.
///
/// After 16 polls, or after a millisecond, the task yields to other tasks and continues after them.
#[derive(Debug)]
pub struct Repoller {
    signal: Arc<WakeState>,
    /// The signal as a waker, which the future gets.
    waker: Waker,
}

impl Repoller {
    /// Creates the state for one future. A wake belongs to the future that was polled last.
    pub fn new() -> Self {
        let signal = Arc::new(WakeState::default());
        Self {
            waker: Waker::from(Arc::clone(&signal)),
            signal,
        }
    }

    /// Polls until the future is ready, or until it has not been woken since its last poll.
    ///
    /// After `Ready`, wakes do not reach the task. As with any stream, poll again before waiting
    /// for anything else.
    pub fn poll<T>(
        &mut self,
        cx: &mut Context<'_>,
        poll: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        self.signal.task.register(cx.waker());
        self.signal.mark();
        // `&mut self` excludes another poll, so the result is not needed. It is false after
        // `Ready`, which leaves the signal busy.
        self.signal.begin();
        match self.signal.poll_while_woken(&self.waker, poll) {
            PollOutcome::Ready(output) => return Poll::Ready(output),
            PollOutcome::Rest => {}
            PollOutcome::Enough => defer_wake(cx),
        }
        Poll::Pending
    }
}

impl Default for Repoller {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use super::*;
    use crate::wake_counter::WakeCounter;
    use crate::wake_state::{MAX_POLL_TIME, MAX_POLLS};

    fn task() -> (Arc<WakeCounter>, Waker) {
        let wakes = Arc::new(WakeCounter::default());
        (Arc::clone(&wakes), Waker::from(wakes))
    }

    #[test]
    fn a_future_that_wakes_itself_is_polled_again_without_its_task() {
        let (mut again, (wakes, task)) = (Repoller::new(), task());
        let mut polls = 0;
        let polled = again.poll(&mut Context::from_waker(&task), |cx| {
            polls += 1;
            if polls < 3 {
                cx.waker().wake_by_ref();
            }
            Poll::<()>::Pending
        });
        assert_eq!((polled, polls, wakes.count()), (Poll::Pending, 3, 0));
    }

    #[test]
    fn a_future_that_always_wakes_itself_yields_to_other_tasks() {
        let (mut again, (wakes, task)) = (Repoller::new(), task());
        let mut polls = 0;
        let polled = again.poll(&mut Context::from_waker(&task), |cx| {
            polls += 1;
            cx.waker().wake_by_ref();
            Poll::<()>::Pending
        });
        assert_eq!(
            (polled, polls, wakes.count()),
            (Poll::Pending, MAX_POLLS, 1)
        );
    }

    #[test]
    fn a_slow_future_is_polled_once_before_the_task_yields() {
        let (mut again, (wakes, task)) = (Repoller::new(), task());
        let mut polls = 0;
        let polled = again.poll(&mut Context::from_waker(&task), |cx| {
            polls += 1;
            std::thread::sleep(MAX_POLL_TIME);
            cx.waker().wake_by_ref();
            Poll::<()>::Pending
        });
        assert_eq!((polled, polls, wakes.count()), (Poll::Pending, 1, 1));
    }

    #[test]
    fn wakes_between_polls_go_to_the_task_that_polled_last() {
        let mut again = Repoller::new();
        let (first, last) = (task(), task());
        let mut inner = Waker::noop().clone();
        for (_, task) in [&first, &last] {
            let polled = again.poll(&mut Context::from_waker(task), |cx| {
                inner.clone_from(cx.waker());
                Poll::<()>::Pending
            });
            assert!(polled.is_pending());
        }
        inner.wake();
        assert_eq!((first.0.count(), last.0.count()), (0, 1));
    }

    #[test]
    fn a_ready_future_is_not_polled_again() {
        let (mut again, (wakes, task)) = (Repoller::new(), task());
        let mut polls = 0;
        let polled = again.poll(&mut Context::from_waker(&task), |cx| {
            polls += 1;
            cx.waker().wake_by_ref();
            Poll::Ready(polls)
        });
        assert_eq!((polled, wakes.count()), (Poll::Ready(1), 0));
    }
}
