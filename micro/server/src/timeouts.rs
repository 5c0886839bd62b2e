//! Timeouts that create a timer only when something waits: for progress, and for messages of a
//! stream.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use micro_wake::poll_unconstrained;
use tokio::time::{Instant, Sleep};

use micro_core::handler::MethodInfo;
use micro_message::error::Error;

/// Timeout for progress. Creates its timer only while something waits.
#[derive(Debug)]
pub(super) struct StallTimer {
    timeout: Duration,
    waiting: Option<Pin<Box<Sleep>>>,
}

impl StallTimer {
    pub(super) fn new(timeout: Duration) -> Self {
        Self {
            timeout,
            waiting: None,
        }
    }

    /// Resolves when [`progress`](Self::progress) has not been called for the whole timeout.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Duration> {
        let timeout = self.timeout;
        let waiting = self
            .waiting
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(timeout)));
        ready!(waiting.as_mut().poll(cx));
        Poll::Ready(timeout)
    }

    pub(super) fn progress(&mut self) {
        self.waiting = None;
    }
}

/// Idle timeout of one stream, shared by all clones. Costs nothing when no timeout is set.
#[derive(Debug, Default)]
pub(super) struct IdleTimer {
    shared: Option<Arc<Shared>>,
    /// Timer of this clone; created when it first waits.
    waiting: Option<Pin<Box<Sleep>>>,
}

#[derive(Debug)]
struct Shared {
    timeout: Duration,
    method: Arc<MethodInfo>,
    begin: Instant,
    /// Milliseconds from `begin` to the last message. Both directions write it.
    last: AtomicU64,
}

impl Clone for IdleTimer {
    fn clone(&self) -> Self {
        Self {
            shared: self.shared.clone(),
            waiting: None,
        }
    }
}

impl IdleTimer {
    /// Creates an idle timeout that starts now.
    pub(super) fn new(timeout: Option<Duration>, method: &Arc<MethodInfo>) -> Self {
        let shared = timeout.map(|timeout| {
            Arc::new(Shared {
                timeout,
                method: Arc::clone(method),
                begin: Instant::now(),
                last: AtomicU64::new(0),
            })
        });
        Self {
            shared,
            waiting: None,
        }
    }

    /// Records that a message has been sent or received.
    pub(super) fn touch(&self) {
        if let Some(shared) = &self.shared {
            let now = u64::try_from(shared.begin.elapsed().as_millis()).unwrap_or(u64::MAX);
            shared.last.fetch_max(now, Ordering::Relaxed);
        }
    }

    /// Returns when the timeout passes if no further message comes; `None` without a timeout.
    pub(super) fn due(&self) -> Option<Instant> {
        self.shared.as_deref().map(Shared::due)
    }

    /// Resolves when no message has been sent or received for the whole timeout.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Error> {
        let Some(shared) = &self.shared else {
            return Poll::Pending;
        };
        loop {
            let due = shared.due();
            if due <= Instant::now() {
                return Poll::Ready(shared.error());
            }
            let waiting = self
                .waiting
                .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(due)));
            if waiting.deadline() != due {
                waiting.as_mut().reset(due);
            }
            ready!(poll_unconstrained(waiting.as_mut(), cx));
        }
    }
}

impl Shared {
    fn due(&self) -> Instant {
        let last = Duration::from_millis(self.last.load(Ordering::Relaxed));
        self.begin + last + self.timeout
    }

    fn error(&self) -> Error {
        let (path, timeout) = (&self.method.path, self.timeout);
        Error::deadline_exceeded(format!(
            "`{path}` carried no message for {timeout:?}; send some more often, or raise the \
             setting `limits.stream_idle_timeout`"
        ))
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;
    use micro_message::error::ErrorKind;

    fn method() -> Arc<MethodInfo> {
        Arc::new(MethodInfo::new("a", "/a.A/B"))
    }

    #[tokio::test(start_paused = true)]
    async fn messages_of_either_direction_put_it_off() {
        let mut idle = IdleTimer::new(Some(Duration::from_secs(10)), &method());
        let other = idle.clone();
        let begin = Instant::now();
        tokio::spawn(async move {
            for _ in 0..3 {
                tokio::time::sleep(Duration::from_secs(6)).await;
                other.touch();
            }
        });
        let error = poll_fn(|cx| idle.poll(cx)).await;
        assert_eq!(begin.elapsed().as_secs(), 28);
        assert_eq!(error.kind(), ErrorKind::DeadlineExceeded);
        assert!(
            error
                .message()
                .starts_with("`/a.A/B` carried no message for 10s")
        );
    }

    #[tokio::test(start_paused = true)]
    async fn no_limit_never_ends() {
        let mut idle = IdleTimer::new(None, &method());
        let waiting =
            tokio::time::timeout(Duration::from_secs(1 << 30), poll_fn(|cx| idle.poll(cx)));
        assert!(waiting.await.is_err());
    }
}
