//! A stream out of an async function from a state to an item and the next state.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;

use crate::handler::BoxFuture;

/// What one step gives: an item and where to go on, or the end.
type Step<S, T> = BoxFuture<'static, Option<(T, S)>>;

/// The stream that `step` makes, from `state` on.
pub(super) fn unfold<S, T, F, Running>(state: S, step: F) -> impl Stream<Item = T> + Send
where
    S: Send + 'static,
    T: Send + 'static,
    F: Fn(S) -> Running + Send + Unpin,
    Running: Future<Output = Option<(T, S)>> + Send + 'static,
{
    Unfold {
        running: Some(Box::pin(step(state)) as Step<S, T>),
        step: move |state| Box::pin(step(state)) as Step<S, T>,
    }
}

struct Unfold<S, T, F> {
    step: F,
    /// Gone after the end.
    running: Option<Step<S, T>>,
}

impl<S, T, F: Fn(S) -> Step<S, T> + Unpin> Stream for Unfold<S, T, F> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, waker: &mut Context<'_>) -> Poll<Option<T>> {
        let Some(running) = &mut self.running else {
            return Poll::Ready(None);
        };
        let next = ready!(running.as_mut().poll(waker));
        let (item, state) = next.unzip();
        self.running = state.map(&self.step);
        Poll::Ready(item)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn counts_and_ends() {
        let mut stream = Box::pin(unfold(
            1,
            |at| async move { (at < 4).then_some((at, at + 1)) },
        ));
        let mut seen = Vec::new();
        while let Some(at) = std::future::poll_fn(|cx| stream.as_mut().poll_next(cx)).await {
            seen.push(at);
        }
        assert_eq!(seen, [1, 2, 3]);
        let end = std::future::poll_fn(|cx| stream.as_mut().poll_next(cx)).await;
        assert_eq!(end, None);
    }
}
