//! `Activity`: whether an HTTP/1 connection is idle, receives the head of a request, or runs one.
//!
//! hyper does not say which of the three a connection is in, and each has its own time limit. The
//! socket, the service and the response's body report what they see; the connection's task reads
//! it. All of them run in that task, so the values need no ordering.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// What an HTTP/1 connection is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Between two requests.
    Idle,
    /// A part of the head of a request has arrived.
    Head,
    /// A request is being received or handled, or its response is being sent.
    Request,
}

/// The activity of one HTTP/1 connection.
#[derive(Debug, Default)]
pub(super) struct Activity {
    /// Number of requests that have begun.
    begun: AtomicU64,
    /// Number of requests whose responses have ended.
    ended: AtomicU64,
    /// Whether bytes have arrived since the last request ended.
    has_head: AtomicBool,
    /// Whether reads ask the system, without waiting for a readiness event.
    reads_directly: AtomicBool,
}

impl Activity {
    /// Records that bytes have arrived.
    pub(super) fn received(&self) {
        // Bytes that arrive during a request are its body. A client that sends the next request
        // before it has the response is not distinguished: its head is then parsed in the same poll
        // in which the response ends.
        if self.running() == 0 {
            self.has_head.store(true, Ordering::Relaxed);
        }
    }

    /// Records the head of a request. The request ends when the guard is dropped.
    pub(super) fn begin(self: &Arc<Self>) -> RequestGuard {
        self.has_head.store(false, Ordering::Relaxed);
        self.begun.fetch_add(1, Ordering::Relaxed);
        RequestGuard(Arc::clone(self))
    }

    /// Returns the phase, and the number of requests so far.
    pub(super) fn phase(&self) -> (Phase, u64) {
        let begun = self.begun.load(Ordering::Relaxed);
        let phase = if self.running() > 0 {
            Phase::Request
        } else if self.has_head.load(Ordering::Relaxed) {
            Phase::Head
        } else {
            Phase::Idle
        };
        (phase, begun)
    }

    fn running(&self) -> u64 {
        let ended = self.ended.load(Ordering::Relaxed);
        self.begun.load(Ordering::Relaxed) - ended
    }

    /// Makes further reads ask the system. The readiness event of bytes that have arrived may not
    /// have reached the runtime yet.
    pub(super) fn read_directly(&self) {
        self.reads_directly.store(true, Ordering::Relaxed);
    }

    pub(super) fn reads_directly(&self) -> bool {
        self.reads_directly.load(Ordering::Relaxed)
    }
}

/// A request that has begun. Dropped when its response has ended.
#[derive(Debug)]
pub(super) struct RequestGuard(Arc<Activity>);

impl Drop for RequestGuard {
    fn drop(&mut self) {
        self.0.ended.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_begin_a_head_and_the_end_of_a_response_makes_it_idle() {
        let activity = Arc::new(Activity::default());
        assert_eq!(activity.phase(), (Phase::Idle, 0));
        activity.received();
        assert_eq!(activity.phase(), (Phase::Head, 0));
        let request = activity.begin();
        activity.received();
        assert_eq!(activity.phase(), (Phase::Request, 1));
        drop(request);
        assert_eq!(activity.phase(), (Phase::Idle, 1));
    }
}
