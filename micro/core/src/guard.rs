//! Guards around user code: a panic fails one call, not the process or the connection.
//!
//! All user code runs inside these guards: handlers, subscribers, wraps, streams, and the encoding
//! of messages. The panic hook has already logged the panic's text. The text is not part of the
//! error, because callers must not see it.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{self, Poll};

use crate::context::Context;
use crate::handler::BoxFuture;
use micro_message::error::{Error, Result};

/// Calls user code. If it panics, returns the value of `panicked`.
///
/// The code is treated as unwind safe: after a panic, the values it was changing must not be used,
/// only dropped.
pub fn catch_panic<T>(code: impl FnOnce() -> T, panicked: impl FnOnce() -> T) -> T {
    catch_unwind(AssertUnwindSafe(code)).unwrap_or_else(|_| panicked())
}

/// Runs a handler within its context. A panic becomes an error, and the handler is dropped at the
/// context's deadline.
///
/// The first poll calls `start` inside the guard. The caller must hold [`Context::guard`] until the
/// handler has finished its work. If the response is a stream, that is longer than the lifetime of
/// this future.
///
/// # Errors
///
/// The error of the handler, of `panicked` or of `late`.
pub fn run_guarded<'a, T>(
    context: &Context,
    start: impl FnOnce() -> BoxFuture<'a, Result<T>> + Unpin,
    panicked: impl Fn() -> Error + Unpin,
    late: impl FnOnce() -> Error,
) -> impl Future<Output = Result<T>> {
    let handler = CatchPanic::new(start, panicked);
    context.clone().scope(context.limit(handler, late))
}

/// A future of user code. A panic while it is created or polled becomes an error.
pub(crate) struct CatchPanic<'a, T, Start, Panicked> {
    /// `None` after the first poll.
    start: Option<Start>,
    /// `None` before the first poll.
    future: Option<BoxFuture<'a, Result<T>>>,
    panicked: Panicked,
}

impl<'a, T, Start, Panicked> CatchPanic<'a, T, Start, Panicked>
where
    Start: FnOnce() -> BoxFuture<'a, Result<T>> + Unpin,
    Panicked: Fn() -> Error + Unpin,
{
    /// Creates a future that calls `start` on the first poll.
    pub(crate) fn new(start: Start, panicked: Panicked) -> Self {
        Self {
            start: Some(start),
            future: None,
            panicked,
        }
    }
}

impl<'a, T, Start, Panicked> Future for CatchPanic<'a, T, Start, Panicked>
where
    Start: FnOnce() -> BoxFuture<'a, Result<T>> + Unpin,
    Panicked: Fn() -> Error + Unpin,
{
    type Output = Result<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let poll = || {
            if let Some(start) = this.start.take() {
                this.future = Some(start());
            }
            let future = this.future.as_mut().expect("the first poll makes it");
            future.as_mut().poll(cx)
        };
        catch_panic(poll, || Poll::Ready(Err((this.panicked)())))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn panicked() -> Error {
        Error::internal("panicked")
    }

    fn late() -> Error {
        Error::deadline_exceeded("late")
    }

    #[tokio::test]
    async fn panic_of_the_start_and_of_a_poll_are_errors() {
        let context = Context::new();
        let start = || -> BoxFuture<'static, Result<()>> { panic!("at the start") };
        let error = run_guarded(&context, start, panicked, late)
            .await
            .unwrap_err();
        assert_eq!(error.message(), "panicked");
        let start = || -> BoxFuture<'static, Result<()>> {
            Box::pin(async {
                tokio::task::yield_now().await;
                panic!("in a poll")
            })
        };
        let error = run_guarded(&context, start, panicked, late)
            .await
            .unwrap_err();
        assert_eq!(error.message(), "panicked");
    }

    #[tokio::test]
    async fn context_is_current_at_the_start_and_in_every_poll() {
        let mut context = Context::new();
        context.metadata_mut().insert("a", "1").unwrap();
        let seen = || Context::current().and_then(|c| c.metadata().get("a").map(str::to_owned));
        let start = move || -> BoxFuture<'static, Result<_>> {
            let at_start = seen();
            Box::pin(async move {
                tokio::task::yield_now().await;
                Ok((at_start, seen()))
            })
        };
        let (at_start, in_poll) = run_guarded(&context, start, panicked, late).await.unwrap();
        assert_eq!(at_start.as_deref(), Some("1"));
        assert_eq!(in_poll.as_deref(), Some("1"));
    }

    #[tokio::test(start_paused = true)]
    async fn deadline_drops_the_handler() {
        let context = Context::new().with_timeout(Duration::from_secs(1));
        let (held, dropped) = tokio::sync::oneshot::channel::<()>();
        let start = move || -> BoxFuture<'static, Result<()>> {
            Box::pin(async move {
                let _held = held;
                std::future::pending().await
            })
        };
        let error = run_guarded(&context, start, panicked, late)
            .await
            .unwrap_err();
        assert_eq!(error.message(), "late");
        assert!(dropped.await.is_err());
    }
}
