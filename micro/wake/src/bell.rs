//! `Bell`: whether something that had to wait has been woken since.
//!
//! A reply is asked again at once after each piece it has given. What then has nothing new need
//! not be asked through all its layers.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use crate::task::Task;

/// Polls something that is to be asked only when it is worth it.
pub struct Bell {
    ring: Arc<Ring>,
    /// The ring as a waker.
    waker: Waker,
    /// Whom the ring wakes.
    task: Waker,
    /// Whether what is polled had to wait the last time.
    waits: bool,
}

#[derive(Default)]
struct Ring {
    has_rung: AtomicBool,
    task: Task,
}

impl fmt::Debug for Bell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bell")
            .field("waits", &self.waits)
            .finish_non_exhaustive()
    }
}

impl Default for Bell {
    fn default() -> Self {
        Self::new()
    }
}

impl Bell {
    /// A bell that has rung: the first poll goes through.
    pub fn new() -> Self {
        let ring = Arc::new(Ring::default());
        Self {
            waker: Waker::from(Arc::clone(&ring)),
            ring,
            task: Waker::noop().clone(),
            waits: false,
        }
    }

    /// Polls, unless it is certain that it would have to wait.
    pub fn poll<T>(
        &mut self,
        task: &Waker,
        poll: impl FnOnce(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        if !self.task.will_wake(task) {
            self.task.clone_from(task);
            self.ring.task.set(task);
        }
        // After the task is set: a ring before that is seen here, one after that wakes the task.
        let has_rung = self.ring.has_rung.swap(false, Ordering::SeqCst);
        if self.waits && !has_rung {
            return Poll::Pending;
        }
        let polled = poll(&mut Context::from_waker(&self.waker));
        self.waits = polled.is_pending();
        polled
    }
}

impl Wake for Ring {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.has_rung.store(true, Ordering::SeqCst);
        self.task.wake();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wakes::Wakes;

    #[test]
    fn what_waits_is_asked_again_only_when_woken() {
        let (mut bell, wakes) = (Bell::new(), Arc::new(Wakes::default()));
        let task = Waker::from(Arc::clone(&wakes));
        let (mut asked, mut inner) = (0, Waker::noop().clone());
        let mut poll = |bell: &mut Bell, task: &Waker, answer: Poll<()>| {
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
    fn ring_before_another_task_waits_is_heard_by_it() {
        let mut bell = Bell::new();
        let mut inner = Waker::noop().clone();
        let first = bell.poll(Waker::noop(), |cx| {
            inner.clone_from(cx.waker());
            Poll::<()>::Pending
        });
        assert!(first.is_pending());
        inner.wake();
        let wakes = Arc::new(Wakes::default());
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
