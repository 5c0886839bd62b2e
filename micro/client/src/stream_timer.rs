//! Limits of a stream: its deadline and its idle timeout.
//!
//! Both directions of a call share an [`IdleTracker`]. Each has its own [`StreamTimer`], so that
//! neither depends on the other being polled.

use std::any::Any;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

use crate::failure::Failure;
use crate::options::Limit;
use micro_core::handler::PayloadStream;
use micro_wake::poll_unconstrained;

/// Keeps the client alive while one of its streams is read.
pub(super) type KeepAlive = Option<Arc<dyn Any + Send + Sync>>;

/// The parts that all kinds of streaming calls share: their limits, and the client that they keep
/// alive.
#[derive(Debug, Clone)]
pub(super) struct StreamLifetime {
    limit: Option<Limit>,
    /// `None` without an idle timeout.
    pulse: Option<Arc<IdleTracker>>,
    keep_alive: KeepAlive,
}

impl StreamLifetime {
    pub(super) fn new(limit: Option<Limit>, idle: Option<Duration>, keep_alive: KeepAlive) -> Self {
        Self {
            limit,
            pulse: idle.map(IdleTracker::new),
            keep_alive,
        }
    }

    pub(super) fn limit(&self) -> Option<Limit> {
        self.limit
    }

    /// Creates the timer of one direction.
    pub(super) fn clock(&self) -> StreamTimer {
        StreamTimer::new(self.limit, self.pulse())
    }

    pub(super) fn pulse(&self) -> Option<Arc<IdleTracker>> {
        self.pulse.clone()
    }

    pub(super) fn keep_alive(&self) -> KeepAlive {
        self.keep_alive.clone()
    }

    /// Records every message of a stream.
    pub(super) fn watch(&self, messages: PayloadStream) -> PayloadStream {
        let Some(pulse) = self.pulse() else {
            return messages;
        };
        messages.map(move |next| {
            pulse.beat();
            next
        })
    }
}

/// Records when the last message passed, in either direction.
#[derive(Debug)]
pub(super) struct IdleTracker {
    started: Instant,
    /// Time of the last message, in nanoseconds since `started`; written by both directions.
    last: AtomicU64,
    /// Idle timeout.
    idle: Duration,
}

impl IdleTracker {
    pub(super) fn new(idle: Duration) -> Arc<Self> {
        Arc::new(Self {
            started: Instant::now(),
            last: AtomicU64::new(0),
            idle,
        })
    }

    /// Records that a message has passed.
    pub(super) fn beat(&self) {
        let now = u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.last.store(now, Ordering::Relaxed);
    }

    /// Returns when the idle timeout expires if no further message passes, and its length.
    fn silent_until(&self) -> Option<(Instant, Duration)> {
        let last = Duration::from_nanos(self.last.load(Ordering::Relaxed));
        Some(((self.started + last).checked_add(self.idle)?, self.idle))
    }
}

/// Wakes one direction of a stream when its deadline or idle timeout expires.
#[derive(Debug)]
pub(super) struct StreamTimer {
    deadline: Option<Limit>,
    pulse: Option<Arc<IdleTracker>>,
    /// Fires when a limit may have expired; created on the first wait.
    timer: Option<Pin<Box<Sleep>>>,
    /// Number of messages since the clock was last read.
    unseen: u32,
}

/// Number of ready messages between two reads of the clock. Reading the clock costs as much as
/// reading a message.
const CHECK_INTERVAL: u32 = 16;

impl StreamTimer {
    pub(super) fn new(deadline: Option<Limit>, pulse: Option<Arc<IdleTracker>>) -> Self {
        Self {
            deadline,
            pulse,
            timer: None,
            unseen: 0,
        }
    }

    /// Records a message. Fails with the error text if the deadline has passed: a task that always
    /// finds messages ready never waits for the timer.
    #[inline]
    pub(super) fn pass(&mut self) -> Result<(), String> {
        if let Some(pulse) = &self.pulse {
            pulse.beat();
        }
        let Some(limit) = self.deadline else {
            return Ok(());
        };
        self.unseen += 1;
        if self.unseen < CHECK_INTERVAL {
            return Ok(());
        }
        self.unseen = 0;
        if limit.at > Instant::now() {
            Ok(())
        } else {
            Err(overdue(limit))
        }
    }

    /// Returns the error text if the peer reports with this failure that the deadline has passed.
    pub(super) fn late(&self, failure: &Failure) -> Option<String> {
        let limit = self.deadline?;
        failure.is_late(Some(limit.at)).then(|| overdue(limit))
    }

    /// Ready with the error text when the deadline or the idle timeout has expired.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<String> {
        loop {
            let silent = self.pulse.as_ref().and_then(|pulse| pulse.silent_until());
            let due = match (self.deadline, silent) {
                (Some(limit), Some((at, _))) => limit.at.min(at),
                (Some(limit), None) => limit.at,
                (None, Some((at, _))) => at,
                (None, None) => return Poll::Pending,
            };
            let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(due)));
            if timer.deadline() > due {
                timer.as_mut().reset(due);
            }
            if poll_unconstrained(timer.as_mut(), cx).is_pending() {
                return Poll::Pending;
            }
            let now = Instant::now();
            if let Some(limit) = self.deadline.filter(|limit| limit.at <= now) {
                return Poll::Ready(overdue(limit));
            }
            if let Some((_, idle)) = silent.filter(|(at, _)| *at <= now) {
                return Poll::Ready(format!(
                    "no message in either direction within {idle:?} (`idle_timeout`)"
                ));
            }
            // A message has passed since the timer was set.
            timer.as_mut().reset(due);
        }
    }
}

fn overdue(limit: Limit) -> String {
    format!("the stream did not end within {limit}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;
    use tokio::time::sleep;

    #[tokio::test(start_paused = true)]
    async fn silence_is_counted_from_the_last_message() {
        let pulse = IdleTracker::new(Duration::from_secs(2));
        let mut clock = StreamTimer::new(None, Some(Arc::clone(&pulse)));
        let started = Instant::now();
        let beating = async {
            for _ in 0..3 {
                sleep(Duration::from_secs(1)).await;
                pulse.beat();
            }
        };
        let (text, ()) = tokio::join!(poll_fn(|cx| clock.poll(cx)), beating);
        assert_eq!(started.elapsed(), Duration::from_secs(5));
        assert_eq!(
            text,
            "no message in either direction within 2s (`idle_timeout`)"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn deadline_holds_however_lively_the_stream() {
        let pulse = IdleTracker::new(Duration::from_secs(2));
        let limit = Limit::after(Duration::from_secs(3), "the call's timeout");
        let mut clock = StreamTimer::new(limit, Some(Arc::clone(&pulse)));
        let beating = async {
            loop {
                sleep(Duration::from_secs(1)).await;
                pulse.beat();
            }
        };
        let text = tokio::select! {
            text = poll_fn(|cx| clock.poll(cx)) => text,
            () = beating => unreachable!(),
        };
        assert_eq!(text, "the stream did not end within 3s, the call's timeout");
    }
}
