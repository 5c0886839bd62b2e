//! Limits the concurrent calls on a connection to the number that the peer allows. Other calls wait
//! in a queue.
//!
//! This keeps h2's own queue empty, so a call that waits here has certainly not been sent.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{Semaphore, SemaphorePermit};

use crate::connection::Connection;

/// Upper bound of the peer's limit. No connection has this many concurrent streams.
const MAX_STREAMS: usize = 1 << 20;

#[derive(Debug)]
pub(super) struct StreamLimiter {
    free: Semaphore,
    /// Number of permits that exist; changed only by the connection's driver.
    limit: AtomicUsize,
    /// Number of waiting calls; each call counts itself.
    waiting: AtomicUsize,
    max_waiting: usize,
    /// Number of permits held by streaming calls; counted by [`StreamPermit`].
    long_lived: AtomicUsize,
}

/// Why a call got no permit.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum AcquireError {
    /// The connection is closed.
    Closed,
    /// The maximum number of calls, given here, is already waiting.
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

    /// Whether all permits are in use and streaming calls, which may run without end, hold at least
    /// half of them.
    pub(super) fn is_saturated(&self) -> bool {
        self.free.available_permits() == 0 && {
            let limit = self.limit.load(Ordering::Relaxed);
            self.long_lived.load(Ordering::Relaxed) * 2 >= limit
        }
    }

    /// Returns a permit, if one is free now.
    pub(super) fn try_acquire(&self) -> Option<SemaphorePermit<'_>> {
        self.free.try_acquire().ok()
    }

    /// Waits for a permit. Permits are granted in the order of the requests.
    pub(super) async fn acquire(&self) -> Result<SemaphorePermit<'_>, AcquireError> {
        if let Ok(permit) = self.free.try_acquire() {
            return Ok(permit);
        }
        let _waits = WaitGuard::begin(&self.waiting, self.max_waiting)?;
        self.free.acquire().await.map_err(|_| AcquireError::Closed)
    }

    /// Whether any call waits.
    pub(super) fn has_waiters(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
    }

    /// Number of running calls.
    pub(super) fn running(&self) -> usize {
        let limit = self.limit.load(Ordering::Relaxed);
        limit.saturating_sub(self.free.available_permits())
    }

    /// Sets the number of streams that the peer allows.
    pub(super) fn set_limit(&self, limit: usize) {
        let (limit, before) = (limit.min(MAX_STREAMS), self.limit.load(Ordering::Relaxed));
        if limit > before {
            self.free.add_permits(limit - before);
            self.limit.store(limit, Ordering::Relaxed);
        } else if limit < before {
            // Permits in use are removed by a later call.
            let gone = self.free.forget_permits(before - limit);
            self.limit.store(before - gone, Ordering::Relaxed);
        }
    }

    /// Makes all waiting and further calls fail.
    pub(super) fn close(&self) {
        self.free.close();
    }
}

/// Permit for a stream on a connection. It keeps the connection open.
#[derive(Debug)]
pub(crate) struct StreamPermit(Arc<Connection>);

impl StreamPermit {
    /// Keeps a permit for the lifetime of a stream.
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

/// Counts a waiting call until dropped.
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
