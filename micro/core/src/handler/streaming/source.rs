//! `Source` and `MessageSink`: pass all messages that are ready in one poll.
//!
//! The code around a stream (the current context, the guard against panics, adapters) then runs
//! once for several messages, and each message is encoded from where it is, without a move.

use std::ops::ControlFlow;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use micro_wake::sync::Mutex;

use crate::handler::payload::{Payload, PayloadRef};
use micro_message::error::Result;

/// Receives the messages that are ready.
pub trait MessageSink: Send {
    /// Receives a message. Returns `Break` if the sink accepts no more messages for now.
    fn put(&mut self, message: PayloadRef<'_>) -> ControlFlow<()>;
}

/// A sink shared by the code that fills it and the code that empties it.
///
/// It is shared, because a stream that borrows from its service is part of a future, and only owned
/// values can be passed into a future. The sink is filled within the poll of the code that empties
/// it, so the lock is never contended. If a source panics, the messages it has put into the sink
/// stay there.
pub type SharedSink = Arc<Mutex<dyn MessageSink>>;

/// Produces the messages of a [`PayloadStream`](super::PayloadStream).
pub trait Source: Send {
    /// Polls for the next message. Returns `None` after the last one.
    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Payload>>>;

    /// Puts the messages that are ready into a sink. Returns `Pending` when no more messages are
    /// ready, and `Ok` when the sink accepts no more. Otherwise the same as
    /// [`poll_next`](Self::poll_next).
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

    /// Whether the source only returns messages that were queued before. Polling it runs no user
    /// code, which could wait for the code that polls.
    fn is_queue(&self) -> bool {
        false
    }

    /// Returns the bounds of the remaining number of messages, as [`Stream::size_hint`] does.
    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, None)
    }
}

/// Adapter from a [`Stream`] to a [`Source`] that passes one message at a time.
pub(super) struct Single<S>(pub(super) S);

impl<S: Stream<Item = Result<Payload>> + Send> Source for Single<Pin<Box<S>>> {
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Payload>>> {
        self.0.as_mut().poll_next(cx)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}
