//! `Source` and `MessageSink`: messages handed over one after another, as many as are ready at
//! once.
//!
//! What surrounds a stream (the current context, the guard against panics, layers that only pass
//! on) is then entered once for all of them, and a message is written where it lies.

use std::ops::ControlFlow;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use micro_wake::sync::Mutex;

use crate::handler::payload::{Payload, PayloadRef};
use micro_message::error::Result;

/// Takes messages as they are ready.
pub trait MessageSink: Send {
    /// Takes a message; breaks when it wants no more for now.
    fn put(&mut self, message: PayloadRef<'_>) -> ControlFlow<()>;
}

/// A sink that who fills it and who empties it share.
///
/// Shared, because a stream that borrows from its service lives in a future, which can be handed
/// nothing but what it owns. Filled within the poll of who empties it: the lock is never waited
/// for. A source that panics leaves in the sink what it has put there.
pub type SharedSink = Arc<Mutex<dyn MessageSink>>;

/// What makes the messages of a [`PayloadStream`](super::PayloadStream).
pub trait Source: Send {
    /// The next message; `None` after the last.
    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Payload>>>;

    /// Puts the messages that are ready into a sink: pending when none is any more, `Ok` when the
    /// sink wants no more, else as [`poll_next`](Self::poll_next).
    fn poll_each(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        sink: &SharedSink,
    ) -> Poll<Option<Result<()>>> {
        loop {
            match ready!(self.as_mut().poll_next(cx)) {
                None => return Poll::Ready(None),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                Some(Ok(payload)) => {
                    if sink.lock().put(payload.as_ref()).is_break() {
                        return Poll::Ready(Some(Ok(())));
                    }
                }
            }
        }
    }

    /// Whether it only hands over what others have put there: asking runs no code of a user,
    /// which might wait for who asks.
    fn is_queue(&self) -> bool {
        false
    }

    /// As [`Stream::size_hint`].
    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, None)
    }
}

/// A stream, one message at a time.
pub(super) struct Single<S>(pub(super) S);

impl<S: Stream<Item = Result<Payload>> + Send> Source for Single<Pin<Box<S>>> {
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Payload>>> {
        self.0.as_mut().poll_next(cx)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}
