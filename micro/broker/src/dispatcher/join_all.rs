//! Runs several futures concurrently and polls each one only after it was woken.
//!
//! `futures_util::future::join_all` is not used because no other part of a default build needs that
//! crate, and because it polls all futures on each wake if there are at most 30. [`WakeFlag`]
//! records which future was woken.

use std::future::poll_fn;
use std::task::{Context, Poll};

use micro_wake::WakeFlag;

use crate::backend::BoxFuture;

/// Runs the futures concurrently. Their first polls happen in order. Returns the results in order.
pub(super) async fn join_all<T>(mut futures: Vec<BoxFuture<'_, T>>) -> Vec<T> {
    if futures.len() == 1 {
        let only = futures.remove(0);
        return vec![only.await];
    }
    let new = |future| Slot {
        future,
        bell: WakeFlag::new(),
        result: None,
    };
    let mut running: Vec<Slot<'_, T>> = futures.into_iter().map(new).collect();
    poll_fn(|cx| {
        let mut is_pending = false;
        for running in &mut running {
            is_pending |= running.poll(cx).is_pending();
        }
        if is_pending {
            Poll::Pending
        } else {
            Poll::Ready(())
        }
    })
    .await;
    running.into_iter().filter_map(|one| one.result).collect()
}

struct Slot<'a, T> {
    future: BoxFuture<'a, T>,
    bell: WakeFlag,
    result: Option<T>,
}

impl<T> Slot<'_, T> {
    /// Returns `Pending` until the result is available.
    fn poll(&mut self, cx: &Context<'_>) -> Poll<()> {
        if self.result.is_some() {
            return Poll::Ready(());
        }
        let future = self.future.as_mut();
        let polled = self.bell.poll(cx.waker(), |cx| future.poll(cx));
        polled.map(|result| self.result = Some(result))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn only_who_is_woken_is_polled_and_results_keep_their_order() {
        let polls = AtomicUsize::new(0);
        let (mut tellers, mut futures) = (Vec::new(), Vec::<BoxFuture<'_, usize>>::new());
        for _ in 0..100 {
            let (teller, told) = oneshot::channel::<usize>();
            tellers.push(teller);
            let (mut told, polls) = (Box::pin(told), &polls);
            futures.push(Box::pin(poll_fn(move |cx| {
                polls.fetch_add(1, Ordering::SeqCst);
                told.as_mut().poll(cx).map(Result::unwrap)
            })));
        }
        let telling = async {
            for (number, teller) in tellers.into_iter().enumerate().rev() {
                teller.send(number).unwrap();
                tokio::task::yield_now().await;
            }
        };
        let (results, ()) = tokio::join!(join_all(futures), telling);
        assert_eq!(results, (0..100).collect::<Vec<_>>());
        assert_eq!(polls.load(Ordering::SeqCst), 200);
    }
}
