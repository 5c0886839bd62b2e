//! `Turn`: what is always ready lets others have their turn all the same.
//!
//! Streams that need not wait, and who takes from them without waiting, would keep their thread
//! and whatever else lives in their task for as long as they like.

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// How long something may work in a row.
pub(super) const TURN: Duration = Duration::from_millis(1);

/// How long something has worked since the others had their turn.
#[derive(Debug, Default)]
pub struct Turn {
    worked: Duration,
}

impl Turn {
    /// When a piece of work begins. Pending when it is the others' turn, which wakes the task
    /// behind them.
    pub fn begin(&mut self, task: &mut Context<'_>) -> Poll<Instant> {
        if self.worked >= TURN {
            self.worked = Duration::ZERO;
            later(task);
            return Poll::Pending;
        }
        Poll::Ready(Instant::now())
    }

    /// A piece of work was done; without one the others have their turn anyway.
    pub fn end(&mut self, begun: Instant, is_done: bool) {
        if is_done {
            self.worked += begun.elapsed();
        } else {
            self.worked = Duration::ZERO;
        }
    }
}

/// Wakes a task once the others have had their turn. Its own waker may do so before.
pub(super) fn later(task: &mut Context<'_>) {
    if pin!(tokio::task::yield_now()).poll(task).is_ready() {
        task.waker().wake_by_ref();
    }
}

/// Polls what ends something else, a timer or a word of its owner, also after that has used up
/// the task's budget: it would never be heard of otherwise.
pub fn unhurried<F: Future + ?Sized>(end: Pin<&mut F>, task: &mut Context<'_>) -> Poll<F::Output> {
    pin!(tokio::task::unconstrained(end)).poll(task)
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
                std::thread::sleep(TURN / 4);
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
