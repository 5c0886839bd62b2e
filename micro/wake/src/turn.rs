//! `Turn`: limits how long work that is always ready keeps its thread.
//!
//! Streams that need not wait, and readers that take from them without waiting, would otherwise
//! keep their thread, and whatever else lives in their task, for as long as they like.
//!
//! Tokio's cooperative budget (`tokio::task::coop`) does not do this: it counts operations on
//! tokio's own resources, 128 a poll, and a stream of a user may use none. Taking a unit of the
//! budget for each message would end a poll after 128 messages, be they a microsecond of work or
//! a second. `Turn` limits the time.

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use crate::platform::later;
use crate::signal::MAX_TIME;

/// Measures how long work has kept its thread since other tasks could run.
#[derive(Debug, Default)]
pub struct Turn {
    worked: Duration,
}

impl Turn {
    /// The time at which a piece of work begins. Pending after a millisecond of work in a row; the
    /// task is then woken behind the others.
    pub fn begin(&mut self, cx: &mut Context<'_>) -> Poll<Instant> {
        if self.worked >= MAX_TIME {
            self.worked = Duration::ZERO;
            later(cx);
            return Poll::Pending;
        }
        Poll::Ready(Instant::now())
    }

    /// Ends what [`begin`](Self::begin) began. Without a piece done the caller is about to wait, so
    /// that others run anyway.
    pub fn end(&mut self, begun: Instant, is_done: bool) {
        if is_done {
            self.worked += begun.elapsed();
        } else {
            self.worked = Duration::ZERO;
        }
    }
}

/// Polls a future without regard to the task's cooperative budget.
///
/// For a timer or a cancellation that ends other work of the task: after that work has used the
/// budget up, tokio's timers and channels are pending whatever their state.
pub fn unhurried<F: Future + ?Sized>(future: Pin<&mut F>, cx: &mut Context<'_>) -> Poll<F::Output> {
    pin!(tokio::task::unconstrained(future)).poll(cx)
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::task::ready;

    use tokio::time::{Sleep, sleep};

    use super::*;

    #[tokio::test]
    async fn who_never_waits_lets_others_run() {
        let (mut turn, mut before) = (Turn::default(), 0);
        let other = tokio::spawn(async {});
        poll_fn(|task| {
            while !other.is_finished() {
                let begun = ready!(turn.begin(task));
                std::thread::sleep(MAX_TIME / 4);
                before += 1;
                turn.end(begun, true);
            }
            Poll::Ready(())
        })
        .await;
        assert!((1..=4).contains(&before), "{before}");
    }

    #[tokio::test]
    async fn time_is_heard_of_when_the_budget_is_used_up() {
        let mut due = pin!(sleep(Duration::ZERO));
        sleep(Duration::from_millis(2)).await;
        let (busy, unhurried) = poll_fn(|task| {
            while pin!(tokio::task::coop::consume_budget())
                .poll(task)
                .is_ready()
            {}
            let poll = |due: Pin<&mut Sleep>, task: &mut Context<'_>| due.poll(task);
            let busy = poll(due.as_mut(), task);
            Poll::Ready((busy, unhurried(due.as_mut(), task)))
        })
        .await;
        assert_eq!((busy, unhurried), (Poll::Pending, Poll::Ready(())));
    }
}
