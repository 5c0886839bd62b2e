//! `WakeFlag`: skips polls of a future that has not been woken since it was pending.
//!
//! A response is polled again right after each chunk that it produced. A part of the response that
//! has not been woken need not be polled through all of its layers then.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Wake, Waker};

use crate::platform::{AtomicBool, AtomicWaker};

/// Polls a future only when it may be ready.
pub struct WakeFlag {
    ring: Arc<FlagWaker>,
    /// The `FlagWaker` as a waker, which the future gets.
    waker: Waker,
    /// Whether the last poll of the future returned `Pending`.
    is_pending: bool,
}

#[derive(Default)]
struct FlagWaker {
    /// Whether the future was woken since the beginning of its last poll.
    has_rung: AtomicBool,
    /// The task to wake.
    task: AtomicWaker,
}

impl WakeFlag {
    /// Creates the state for one future that has not been polled yet.
    pub fn new() -> Self {
        let ring = Arc::new(FlagWaker::default());
        Self {
            waker: Waker::from(Arc::clone(&ring)),
            ring,
            is_pending: false,
        }
    }

    /// Polls the future, unless it was pending and has not been woken since.
    pub fn poll<T>(
        &mut self,
        task: &Waker,
        poll: impl FnOnce(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        // The task registers at every call, because a wake consumes the registration. It registers
        // before the flag is read: a wake before the read is seen here, and a wake after it wakes
        // the task.
        self.ring.task.register(task);
        let has_rung = self.ring.has_rung.swap(false, Ordering::SeqCst);
        if self.is_pending && !has_rung {
            return Poll::Pending;
        }
        let polled = poll(&mut Context::from_waker(&self.waker));
        self.is_pending = polled.is_pending();
        polled
    }
}

impl Default for WakeFlag {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for WakeFlag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WakeFlag")
            .field("is_pending", &self.is_pending)
            .finish_non_exhaustive()
    }
}

impl Wake for FlagWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // A swap instead of a store. With two wakes, a store by the second one would end the
        // release sequence of the first: a poll could then miss what the first waker wrote before
        // its wake.
        self.has_rung.swap(true, Ordering::SeqCst);
        self.task.wake();
    }
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use super::*;
    use crate::wake_counter::WakeCounter;

    #[test]
    fn a_pending_future_is_polled_again_only_when_woken() {
        let (mut bell, wakes) = (WakeFlag::new(), Arc::new(WakeCounter::default()));
        let task = Waker::from(Arc::clone(&wakes));
        let (mut asked, mut inner) = (0, Waker::noop().clone());
        let mut poll = |bell: &mut WakeFlag, task: &Waker, answer: Poll<()>| {
            let polled = bell.poll(task, |cx| {
                asked += 1;
                inner.clone_from(cx.waker());
                answer
            });
            (polled, asked, inner.clone())
        };
        for _ in 0..2 {
            let (polled, asked, _) = poll(&mut bell, &task, Poll::Pending);
            assert_eq!((polled, asked), (Poll::Pending, 1));
        }
        let (.., inner) = poll(&mut bell, &task, Poll::Pending);
        inner.wake_by_ref();
        assert_eq!(wakes.count(), 1);
        for asked in [2, 3] {
            assert_eq!(poll(&mut bell, &task, Poll::Ready(())).1, asked);
        }
    }

    #[test]
    fn a_task_that_polls_after_a_wake_receives_the_next_wake() {
        let mut bell = WakeFlag::new();
        let mut inner = Waker::noop().clone();
        let first = bell.poll(Waker::noop(), |cx| {
            inner.clone_from(cx.waker());
            Poll::<()>::Pending
        });
        assert!(first.is_pending());
        inner.wake();
        let wakes = Arc::new(WakeCounter::default());
        let other = Waker::from(Arc::clone(&wakes));
        let mut inner = Waker::noop().clone();
        let second = bell.poll(&other, |cx| {
            inner.clone_from(cx.waker());
            Poll::<()>::Pending
        });
        assert!(second.is_pending());
        inner.wake();
        assert_eq!(wakes.count(), 1);
    }
}
