//! Futures side by side, each polled again only when it was woken.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use crate::backend::BoxFuture;
use micro_wake::sync::Mutex;

/// Runs futures side by side, each first polled in order; their results in that order.
pub(super) async fn all<T>(mut futures: Vec<BoxFuture<'_, T>>) -> Vec<T> {
    if futures.len() == 1 {
        let only = futures.remove(0);
        return vec![only.await];
    }
    let parent = Arc::new(Mutex::new(Waker::noop().clone()));
    let new = |future| Running {
        future,
        flag: Arc::new(Flag {
            woken: AtomicBool::new(true),
            parent: Arc::clone(&parent),
        }),
        result: None,
    };
    let mut running: Vec<Running<'_, T>> = futures.into_iter().map(new).collect();
    let mut left = running.len();
    poll_fn(|task| {
        parent.lock().clone_from(task.waker());
        for running in &mut running {
            left -= usize::from(running.poll());
        }
        if left == 0 {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
    running.into_iter().filter_map(|one| one.result).collect()
}

struct Running<'a, T> {
    future: BoxFuture<'a, T>,
    flag: Arc<Flag>,
    result: Option<T>,
}

impl<T> Running<'_, T> {
    /// Whether it has just ended.
    fn poll(&mut self) -> bool {
        if !self.flag.woken.swap(false, Ordering::AcqRel) || self.result.is_some() {
            return false;
        }
        let waker = Waker::from(Arc::clone(&self.flag));
        match self.future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(result) => {
                self.result = Some(result);
                true
            }
            Poll::Pending => false,
        }
    }
}

/// Whether a future is to be polled again.
struct Flag {
    woken: AtomicBool,
    /// Who polls all of them.
    parent: Arc<Mutex<Waker>>,
}

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.woken.swap(true, Ordering::AcqRel) {
            let parent = self.parent.lock();
            parent.wake_by_ref();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

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
            futures.push(Box::pin(poll_fn(move |task| {
                polls.fetch_add(1, Ordering::SeqCst);
                told.as_mut().poll(task).map(Result::unwrap)
            })));
        }
        let telling = async {
            for (number, teller) in tellers.into_iter().enumerate().rev() {
                teller.send(number).unwrap();
                tokio::task::yield_now().await;
            }
        };
        let (results, ()) = tokio::join!(all(futures), telling);
        assert_eq!(results, (0..100).collect::<Vec<_>>());
        assert_eq!(polls.load(Ordering::SeqCst), 200);
    }
}
