//! `Again`: a future that wakes itself while it is polled is polled again at once.
//!
//! A scheduler that finds a task woken within its own poll puts it behind all others and wakes an
//! idle thread to fetch it from there: a system call on either side and another processor, for
//! work that is ready here and now. HTTP/2 wakes a sender whenever it gives the sender room, also
//! when that is within the sender's own call.

use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use crate::platform::later;
use crate::signal::{Round, Signal};

/// Polls a future as long as it wakes itself.
///
/// After 16 polls, or a millisecond, the task yields to others and goes on behind them.
#[derive(Debug)]
pub struct Again {
    signal: Arc<Signal>,
    /// The signal as a waker.
    waker: Waker,
}

impl Again {
    /// For one future: a wake belongs to the future that was polled last.
    pub fn new() -> Self {
        let signal = Arc::new(Signal::default());
        Self {
            waker: Waker::from(Arc::clone(&signal)),
            signal,
        }
    }

    /// Polls until the future is ready, or has not been woken since it was last polled.
    ///
    /// After `Ready` wakes are not passed on: poll again before waiting for anything else, as with
    /// any stream.
    pub fn poll<T>(
        &mut self,
        cx: &mut Context<'_>,
        poll: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        self.signal.task.register(cx.waker());
        self.signal.mark();
        // Nobody else polls it. After `Ready` it still counts as begun, so the result says nothing.
        self.signal.begin();
        match self.signal.repeat(&self.waker, poll) {
            Round::Ready(output) => return Poll::Ready(output),
            Round::Rest => {}
            Round::Enough => later(cx),
        }
        Poll::Pending
    }
}

impl Default for Again {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use super::*;
    use crate::signal::{MAX_POLLS, MAX_TIME};
    use crate::wakes::Wakes;

    fn task() -> (Arc<Wakes>, Waker) {
        let wakes = Arc::new(Wakes::default());
        (Arc::clone(&wakes), Waker::from(wakes))
    }

    #[test]
    fn what_wakes_itself_is_polled_again_without_its_task() {
        let (mut again, (wakes, task)) = (Again::new(), task());
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
    fn what_never_rests_leaves_the_others_their_turn() {
        let (mut again, (wakes, task)) = (Again::new(), task());
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
    fn what_works_for_long_does_so_once_a_turn() {
        let (mut again, (wakes, task)) = (Again::new(), task());
        let mut polls = 0;
        let polled = again.poll(&mut Context::from_waker(&task), |cx| {
            polls += 1;
            std::thread::sleep(MAX_TIME);
            cx.waker().wake_by_ref();
            Poll::<()>::Pending
        });
        assert_eq!((polled, polls, wakes.count()), (Poll::Pending, 1, 1));
    }

    #[test]
    fn wakes_between_polls_go_to_who_polled_last() {
        let mut again = Again::new();
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
    fn what_is_ready_is_not_asked_again() {
        let (mut again, (wakes, task)) = (Again::new(), task());
        let mut polls = 0;
        let polled = again.poll(&mut Context::from_waker(&task), |cx| {
            polls += 1;
            cx.waker().wake_by_ref();
            Poll::Ready(polls)
        });
        assert_eq!((polled, wakes.count()), (Poll::Ready(1), 0));
    }
}
