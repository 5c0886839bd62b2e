//! One timer for a whole call, used by each of its waits.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use tokio::time::Sleep;

use micro_wake::poll_unconstrained;

/// The deadline passed first.
#[derive(Debug)]
pub(super) struct DeadlineElapsed;

/// Timer of a call; `None` if the call has no limit.
pub(super) type Timer<'a> = Pin<&'a mut Option<Sleep>>;

/// Waits for a future, at most until the timer fires.
pub(super) async fn limit<F: Future>(
    timer: &mut Timer<'_>,
    future: F,
) -> Result<F::Output, DeadlineElapsed> {
    let mut future = pin!(future);
    poll_fn(|cx| {
        // Poll the future first: a future that is ready at once never touches the timer wheel.
        if let Poll::Ready(output) = future.as_mut().poll(cx) {
            return Poll::Ready(Ok(output));
        }
        match timer.as_mut().as_pin_mut() {
            Some(sleep) => poll_unconstrained(sleep, cx).map(|()| Err(DeadlineElapsed)),
            None => Poll::Pending,
        }
    })
    .await
}

/// Waits for a future, at most until `other` is ready.
pub(super) async fn race<F: Future, T>(
    future: F,
    mut other: impl FnMut(&mut Context<'_>) -> Poll<T>,
) -> Result<F::Output, T> {
    let mut future = pin!(future);
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(Ok(output)),
        Poll::Pending => other(cx).map(Err),
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio::time::{Instant, sleep, sleep_until};

    #[tokio::test(start_paused = true)]
    async fn one_timer_limits_many_waits() {
        let started = Instant::now();
        let timer = Some(sleep_until(started + Duration::from_secs(3)));
        let mut timer = pin!(timer);
        for _ in 0..2 {
            let nap = sleep(Duration::from_secs(1));
            limit(&mut timer.as_mut(), nap).await.unwrap();
        }
        let late = limit(&mut timer.as_mut(), std::future::pending::<()>()).await;
        assert!(late.is_err());
        assert_eq!(started.elapsed(), Duration::from_secs(3));
    }
}
