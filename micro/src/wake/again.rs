//! `Again`: what wakes itself while it is polled is polled again at once.
//!
//! A scheduler that finds a task woken within its own poll puts it behind all others and wakes an
//! idle thread to fetch it from there: a system call on either side and another processor, for
//! what is ready here and now. HTTP/2 wakes who sends whenever it gives him room, also when that is
//! within his own call.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Instant;

use crate::wake::task::Task;
use crate::wake::turn::{TURN, later};

/// How often in one go, and no longer than a turn: then other tasks have theirs.
const MOST: usize = 16;

/// Nobody polls: to wake it is to wake its task.
const IDLE: u8 = 0;
/// It is being polled: woken, it will be polled again at once.
const BUSY: u8 = 1;
/// Beside either: it has been woken since it was last polled.
const WOKEN: u8 = 2;

/// Polls something as long as it wakes itself.
#[derive(Debug)]
pub(crate) struct Again {
    signal: Arc<Signal>,
    /// The signal as a waker.
    waker: Waker,
    /// Whom the signal wakes.
    task: Waker,
}

#[derive(Debug, Default)]
struct Signal {
    state: AtomicU8,
    task: Task,
}

impl Again {
    pub(crate) fn new() -> Self {
        let signal = Arc::new(Signal::default());
        Self {
            waker: Waker::from(Arc::clone(&signal)),
            signal,
            task: Waker::noop().clone(),
        }
    }

    /// Polls until it is ready, or has not been woken since it was last polled.
    pub(crate) fn poll<T>(
        &mut self,
        task: &mut Context<'_>,
        mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        if !self.task.will_wake(task.waker()) {
            self.task.clone_from(task.waker());
            self.signal.task.set(task.waker());
        }
        let begun = Instant::now();
        for _ in 0..MOST {
            // A swap, so that what each of its wakers has written is seen.
            self.signal.state.swap(BUSY, Ordering::SeqCst);
            let polled = poll(&mut Context::from_waker(&self.waker));
            if polled.is_ready() || self.signal.rest() {
                return polled;
            }
            if begun.elapsed() >= TURN {
                break;
            }
        }
        self.signal.state.swap(IDLE, Ordering::SeqCst);
        later(task);
        Poll::Pending
    }
}

impl Signal {
    /// Whether there is nothing new since the last poll; wakes go to the task from then on.
    fn rest(&self) -> bool {
        let (ordering, state) = (Ordering::SeqCst, &self.state);
        state
            .compare_exchange(BUSY, IDLE, ordering, ordering)
            .is_ok()
    }
}

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let before = self.state.fetch_or(WOKEN, Ordering::SeqCst);
        if before & BUSY == 0 {
            self.task.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wake::Wakes;

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
        assert_eq!((polled, polls, wakes.count()), (Poll::Pending, MOST, 1));
    }

    #[test]
    fn what_works_for_long_does_so_once_a_turn() {
        let (mut again, (wakes, task)) = (Again::new(), task());
        let mut polls = 0;
        let polled = again.poll(&mut Context::from_waker(&task), |cx| {
            polls += 1;
            std::thread::sleep(TURN);
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
