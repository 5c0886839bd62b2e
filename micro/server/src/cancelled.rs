//! `Cancelled`: waits for a cancellation token in a task that is often woken by something else.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// Resolves when a token is cancelled. Another poll by the same task only reads the token's state,
/// whereas the token's own future would take its lock and register again.
#[derive(Debug)]
pub(super) struct Cancelled {
    token: CancellationToken,
    /// The wait and the waker that it wakes. Created by the first poll.
    waiting: Option<(Pin<Box<WaitForCancellationFutureOwned>>, Waker)>,
}

impl Cancelled {
    pub(super) fn new(token: CancellationToken) -> Self {
        Self {
            token,
            waiting: None,
        }
    }

    /// Whether the token is cancelled.
    pub(super) fn is_cancelled(&self) -> bool {
        self.token.is_cancelled()
    }
}

impl Future for Cancelled {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        if this.token.is_cancelled() {
            return Poll::Ready(());
        }
        let (waiting, waker) = this.waiting.get_or_insert_with(|| {
            let waiting = Box::pin(this.token.clone().cancelled_owned());
            (waiting, Waker::noop().clone())
        });
        if waker.will_wake(cx.waker()) {
            return Poll::Pending;
        }
        waker.clone_from(cx.waker());
        waiting.as_mut().poll(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use super::*;

    /// Counts its wakes.
    #[derive(Default)]
    struct Wakes(AtomicUsize);

    impl Wake for Wakes {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn whoever_polled_last_is_woken() {
        let token = CancellationToken::new();
        let mut cancelled = Cancelled::new(token.clone());
        let (first, last) = (Arc::new(Wakes::default()), Arc::new(Wakes::default()));
        for wakes in [&first, &first, &last, &last] {
            let waker = Waker::from(Arc::clone(wakes));
            let mut cx = Context::from_waker(&waker);
            assert!(Pin::new(&mut cancelled).poll(&mut cx).is_pending());
        }
        token.cancel();
        let woken = [&first, &last].map(|wakes| wakes.0.load(Ordering::SeqCst));
        assert_eq!(woken, [0, 1]);
        let mut cx = Context::from_waker(Waker::noop());
        assert!(Pin::new(&mut cancelled).poll(&mut cx).is_ready());
    }
}
