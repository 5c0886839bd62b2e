//! How many calls run on a connection at once: as many as the peer allows, others wait in line.
//!
//! Keeps HTTP/2's own queue empty, so that what waits here has certainly not been sent.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{Semaphore, SemaphorePermit};

use crate::connection::Connection;

/// More streams than any connection will have at once.
const MOST: usize = 1 << 20;

#[derive(Debug)]
pub(super) struct Gate {
    free: Semaphore,
    /// How many permits exist; changed by the connection's task only.
    limit: AtomicUsize,
    /// How many calls wait; counted by themselves.
    waiting: AtomicUsize,
    most_waiting: usize,
    /// How many places streams have taken; counted by their slots.
    long: AtomicUsize,
}

/// Why a call was not let in.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Shut {
    /// The connection is closed.
    Closed,
    /// As many wait already as may.
    Full(usize),
}

impl Gate {
    pub(super) fn new(limit: usize, most_waiting: usize) -> Self {
        let limit = limit.min(MOST);
        Self {
            free: Semaphore::new(limit),
            limit: AtomicUsize::new(limit),
            waiting: AtomicUsize::new(0),
            most_waiting,
            long: AtomicUsize::new(0),
        }
    }

    /// Whether all places are taken, and half of them or more by streams, which may stay for ever.
    pub(super) fn is_taken(&self) -> bool {
        self.free.available_permits() == 0 && {
            let limit = self.limit.load(Ordering::Relaxed);
            self.long.load(Ordering::Relaxed) * 2 >= limit
        }
    }

    /// A place, if one is free now.
    pub(super) fn try_enter(&self) -> Option<SemaphorePermit<'_>> {
        self.free.try_acquire().ok()
    }

    /// Waits for a free stream; first come, first served.
    pub(super) async fn enter(&self) -> Result<SemaphorePermit<'_>, Shut> {
        if let Ok(permit) = self.free.try_acquire() {
            return Ok(permit);
        }
        let _waits = Waits::begin(&self.waiting, self.most_waiting)?;
        self.free.acquire().await.map_err(|_| Shut::Closed)
    }

    /// Whether calls wait.
    pub(super) fn is_crowded(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
    }

    /// How many calls run.
    pub(super) fn running(&self) -> usize {
        let limit = self.limit.load(Ordering::Relaxed);
        limit.saturating_sub(self.free.available_permits())
    }

    /// The peer allows so many streams now.
    pub(super) fn allow(&self, limit: usize) {
        let (limit, before) = (limit.min(MOST), self.limit.load(Ordering::Relaxed));
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
pub(crate) struct Slot(Arc<Connection>);

impl Slot {
    /// Keeps a place for as long as a stream lasts.
    pub(super) fn new(connection: Arc<Connection>, permit: SemaphorePermit<'_>) -> Self {
        permit.forget();
        let gate = &connection.shared.gate;
        gate.long.fetch_add(1, Ordering::Relaxed);
        Self(connection)
    }

    pub(super) fn connection(&self) -> &Connection {
        &self.0
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let gate = &self.0.shared.gate;
        gate.long.fetch_sub(1, Ordering::Relaxed);
        gate.free.add_permits(1);
    }
}

/// Counts one who waits, until dropped.
struct Waits<'a>(&'a AtomicUsize);

impl<'a> Waits<'a> {
    fn begin(waiting: &'a AtomicUsize, most: usize) -> Result<Self, Shut> {
        let counted = Self(waiting);
        if waiting.fetch_add(1, Ordering::Relaxed) >= most {
            return Err(Shut::Full(most));
        }
        Ok(counted)
    }
}

impl Drop for Waits<'_> {
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
        let gate = Gate::new(1, 1);
        let Poll::Ready(Ok(first)) = poll(pin!(gate.enter())) else {
            panic!("one is free");
        };
        {
            let mut second = pin!(gate.enter());
            assert!(poll(second.as_mut()).is_pending());
            assert!(gate.is_crowded());
            let third = poll(pin!(gate.enter()));
            assert!(matches!(third, Poll::Ready(Err(Shut::Full(1)))));
        }
        assert!(!gate.is_crowded());
        drop(first);
        assert!(matches!(poll(pin!(gate.enter())), Poll::Ready(Ok(_))));
    }

    #[test]
    fn limit_grows_shrinks_and_closing_sends_away() {
        let gate = Gate::new(2, 9);
        let enter = || match poll(pin!(gate.enter())) {
            Poll::Ready(Ok(permit)) => Some(permit),
            _ => None,
        };
        let (a, b) = (enter().unwrap(), enter().unwrap());
        assert!(enter().is_none());
        gate.allow(1);
        drop(a);
        gate.allow(1);
        assert!(enter().is_none());
        gate.allow(2);
        let c = enter().unwrap();
        assert!(enter().is_none());
        gate.close();
        assert!(matches!(
            poll(pin!(gate.enter())),
            Poll::Ready(Err(Shut::Closed))
        ));
        drop((b, c));
    }
}
