//! `TimeSlice`: limits how long work that is always ready occupies its thread.
//!
//! Without a limit, a stream that never waits, and a reader that takes from it without waiting,
//! would occupy their thread, and block everything else in their task, indefinitely.
//!
//! Tokio's cooperative budget (`tokio::task::coop`) does not prevent this: it counts operations on
//! tokio's own resources, 128 per poll, and a user's stream may use none of them. Taking a unit of
//! the budget for each message would end a poll after 128 messages, whether a message takes a
//! microsecond of work or a second. `TimeSlice` limits the time instead.

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use crate::platform::defer_wake;
use crate::wake_state::MAX_POLL_TIME;

/// Measures for how long work has occupied its thread since other tasks could run.
#[derive(Debug, Default)]
pub struct TimeSlice {
    worked: Duration,
}

impl TimeSlice {
    /// Begins a piece of work and returns the current time. Returns `Pending` after a millisecond
    /// of work in a row; the task is then woken after the other tasks.
    pub fn begin(&mut self, cx: &mut Context<'_>) -> Poll<Instant> {
        if self.worked >= MAX_POLL_TIME {
            self.worked = Duration::ZERO;
            defer_wake(cx);
            return Poll::Pending;
        }
        Poll::Ready(Instant::now())
    }

    /// Ends what [`begin`](Self::begin) began. `is_done` is whether a piece of work was done. If
    /// not, the caller is about to wait, so other tasks run anyway and the measurement starts
    /// again.
    pub fn end(&mut self, begun: Instant, is_done: bool) {
        if is_done {
            self.worked += begun.elapsed();
        } else {
            self.worked = Duration::ZERO;
        }
    }
}

/// Polls a future outside of the task's cooperative budget.
///
/// For a timer or a cancellation that ends other work of the task: after that work has used up the
/// budget, tokio's timers and channels are pending whatever their state.
pub fn poll_unconstrained<F: Future + ?Sized>(
    future: Pin<&mut F>,
    cx: &mut Context<'_>,
) -> Poll<F::Output> {
    pin!(tokio::task::unconstrained(future)).poll(cx)
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::task::ready;

    use tokio::time::{Sleep, sleep};

    use super::*;

    #[tokio::test]
    async fn work_that_never_waits_lets_other_tasks_run() {
        let (mut turn, mut before) = (TimeSlice::default(), 0);
        let other = tokio::spawn(async {});
        poll_fn(|cx| {
            while !other.is_finished() {
                let begun = ready!(turn.begin(cx));
                std::thread::sleep(MAX_POLL_TIME / 4);
                before += 1;
                turn.end(begun, true);
            }
            Poll::Ready(())
        })
        .await;
        assert!((1..=4).contains(&before), "{before}");
    }

    #[tokio::test]
    async fn timers_fire_when_the_budget_is_used_up() {
        let mut due = pin!(sleep(Duration::ZERO));
        sleep(Duration::from_millis(2)).await;
        let (busy, poll_unconstrained) = poll_fn(|cx| {
            while pin!(tokio::task::coop::consume_budget())
                .poll(cx)
                .is_ready()
            {}
            let poll = |due: Pin<&mut Sleep>, cx: &mut Context<'_>| due.poll(cx);
            let busy = poll(due.as_mut(), cx);
            Poll::Ready((busy, poll_unconstrained(due.as_mut(), cx)))
        })
        .await;
        assert_eq!((busy, poll_unconstrained), (Poll::Pending, Poll::Ready(())));
    }
}
