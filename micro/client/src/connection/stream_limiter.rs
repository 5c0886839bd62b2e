//! How many calls run on a connection at once: as many as the peer allows, others wait in line.
//!
//! Keeps HTTP/2's own queue empty, so that what waits here has certainly not been sent.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{Semaphore, SemaphorePermit};

use crate::connection::Connection;

/// More streams than any connection will have at once.
const MAX_STREAMS: usize = 1 << 20;

#[derive(Debug)]
pub(super) struct StreamLimiter {
    free: Semaphore,
    /// How many permits exist; changed by the connection's task only.
    limit: AtomicUsize,
    /// How many calls wait; counted by themselves.
    waiting: AtomicUsize,
    max_waiting: usize,
    /// How many places streams have taken; counted by their slots.
    long_lived: AtomicUsize,
}

/// Why a call was not let in.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum AcquireError {
    /// The connection is closed.
    Closed,
    /// As many wait already as may.
    Full(usize),
}

impl StreamLimiter {
    pub(super) fn new(limit: usize, max_waiting: usize) -> Self {
        let limit = limit.min(MAX_STREAMS);
        Self {
            free: Semaphore::new(limit),
            limit: AtomicUsize::new(limit),
            waiting: AtomicUsize::new(0),
            max_waiting,
            long_lived: AtomicUsize::new(0),
        }
    }

    /// Whether all places are taken, and half of them or more by streams, which may stay for ever.
    pub(super) fn is_saturated(&self) -> bool {
        self.free.available_permits() == 0 && {
            let limit = self.limit.load(Ordering::Relaxed);
            self.long_lived.load(Ordering::Relaxed) * 2 >= limit
        }
    }

    /// A place, if one is free now.
    pub(super) fn try_acquire(&self) -> Option<SemaphorePermit<'_>> {
        self.free.try_acquire().ok()
    }

    /// Waits for a free stream; first come, first served.
    pub(super) async fn acquire(&self) -> Result<SemaphorePermit<'_>, AcquireError> {
        if let Ok(permit) = self.free.try_acquire() {
            return Ok(permit);
        }
        let _waits = WaitGuard::begin(&self.waiting, self.max_waiting)?;
        self.free.acquire().await.map_err(|_| AcquireError::Closed)
    }

    /// Whether calls wait.
    pub(super) fn has_waiters(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
    }

    /// How many calls run.
    pub(super) fn running(&self) -> usize {
        let limit = self.limit.load(Ordering::Relaxed);
        limit.saturating_sub(self.free.available_permits())
    }

    /// The peer allows so many streams now.
    pub(super) fn set_limit(&self, limit: usize) {
        let (limit, before) = (limit.min(MAX_STREAMS), self.limit.load(Ordering::Relaxed));
        if limit > before {
            self.free.add_permits(limit - before);
            self.limit.store(limit, Ordering::Relaxed);
        } else if limit < before {
            // Those in use are taken back at a later call.
            let gone = self.free.forget_permits(before - limit);
            self.limit.store(before - gone, Ordering::Relaxed);
        }
    }

    /// Sends everyone away.
    pub(super) fn close(&self) {
        self.free.close();
    }
}

/// A stream's place on a connection, and what keeps the connection open.
#[derive(Debug)]
pub(crate) struct StreamPermit(Arc<Connection>);

impl StreamPermit {
    /// Keeps a place for as long as a stream lasts.
    pub(super) fn new(connection: Arc<Connection>, permit: SemaphorePermit<'_>) -> Self {
        permit.forget();
        let limiter = &connection.shared.limiter;
        limiter.long_lived.fetch_add(1, Ordering::Relaxed);
        Self(connection)
    }

    pub(super) fn connection(&self) -> &Connection {
        &self.0
    }
}

impl Drop for StreamPermit {
    fn drop(&mut self) {
        let limiter = &self.0.shared.limiter;
        limiter.long_lived.fetch_sub(1, Ordering::Relaxed);
        limiter.free.add_permits(1);
    }
}

/// Counts one who waits, until dropped.
struct WaitGuard<'a>(&'a AtomicUsize);

impl<'a> WaitGuard<'a> {
    fn begin(waiting: &'a AtomicUsize, most: usize) -> Result<Self, AcquireError> {
        let counted = Self(waiting);
        if waiting.fetch_add(1, Ordering::Relaxed) >= most {
            return Err(AcquireError::Full(most));
        }
        Ok(counted)
    }
}

impl Drop for WaitGuard<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    fn poll<F: Future>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
        future.poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn line_is_bounded_and_cancelled_waits_leave_it() {
        let limiter = StreamLimiter::new(1, 1);
        let Poll::Ready(Ok(first)) = poll(pin!(limiter.acquire())) else {
            panic!("one is free");
        };
        {
            let mut second = pin!(limiter.acquire());
            assert!(poll(second.as_mut()).is_pending());
            assert!(limiter.has_waiters());
            let third = poll(pin!(limiter.acquire()));
            assert!(matches!(third, Poll::Ready(Err(AcquireError::Full(1)))));
        }
        assert!(!limiter.has_waiters());
        drop(first);
        assert!(matches!(poll(pin!(limiter.acquire())), Poll::Ready(Ok(_))));
    }

    #[test]
    fn limit_grows_shrinks_and_closing_sends_away() {
        let limiter = StreamLimiter::new(2, 9);
        let acquire = || match poll(pin!(limiter.acquire())) {
            Poll::Ready(Ok(permit)) => Some(permit),
            _ => None,
        };
        let (a, b) = (acquire().unwrap(), acquire().unwrap());
        assert!(acquire().is_none());
        limiter.set_limit(1);
        drop(a);
        limiter.set_limit(1);
        assert!(acquire().is_none());
        limiter.set_limit(2);
        let c = acquire().unwrap();
        assert!(acquire().is_none());
        limiter.close();
        assert!(matches!(
            poll(pin!(limiter.acquire())),
            Poll::Ready(Err(AcquireError::Closed))
        ));
        drop((b, c));
    }
}
