//! What comes in as frames: the one message of a unary call, or a stream that is read as the
//! handler asks for it.
//!
//! Nothing is read ahead: while a handler does not ask, HTTP/2's flow control stops the peer.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context as Waker, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::Body;

use crate::frames::Frames;
use crate::idle::Idle;
use micro_core::handler::{Payload, Source};
use micro_message::codec::Codec;
use micro_message::error::{Error, Result};

/// What can go wrong in a body.
pub(super) type BodyError = Box<dyn std::error::Error + Send + Sync>;

/// How messages that came as bytes are read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading {
    pub(super) codec: Codec,
    /// The longest message, in bytes.
    pub(super) limit: usize,
}

impl Reading {
    /// What decoding may take: four times the longest message.
    pub(super) fn memory(self) -> usize {
        self.limit.saturating_mul(4)
    }

    /// A message that came as bytes.
    pub(super) fn payload(self, bytes: Bytes) -> Payload {
        Payload::Encoded {
            codec: self.codec,
            bytes,
            memory: self.memory(),
        }
    }
}

/// The only message of a unary request.
///
/// # Errors
///
/// `Unimplemented`, as gRPC has it, when there is none or a second one.
pub(super) async fn one<B>(mut frames: Frames<B>) -> Result<Bytes>
where
    B: Body<Data = Bytes, Error: Into<BodyError>> + Unpin,
{
    let first = poll_fn(|waker| frames.poll_next(waker, false)).await?;
    let message = first.ok_or_else(|| {
        Error::unimplemented("the request ends before its message; this method takes one")
    })?;
    match poll_fn(|waker| frames.poll_next(waker, false)).await? {
        None => Ok(message),
        Some(_) => Err(Error::unimplemented(
            "the request has a second message; this method takes one",
        )),
    }
}

/// The error for a request that has not arrived in time.
pub(super) fn late(path: &str, time: Option<Duration>) -> Error {
    let time = time.unwrap_or_default();
    Error::deadline_exceeded(format!(
        "the request of `{path}` did not arrive within {time:.1?}"
    ))
}

/// The messages of a streaming request; the peer is held back until they are read.
pub(super) struct Requests<B> {
    /// Gone after the end or an error.
    frames: Option<Frames<B>>,
    reading: Reading,
    idle: Idle,
}

impl<B> Requests<B> {
    pub(super) fn new(frames: Frames<B>, reading: Reading, idle: Idle) -> Self {
        Self {
            frames: Some(frames),
            reading,
            idle,
        }
    }
}

impl<B> Source for Requests<B>
where
    B: Body<Data = Bytes, Error: Into<BodyError>> + Send + Unpin,
{
    fn poll_next(mut self: Pin<&mut Self>, waker: &mut Waker<'_>) -> Poll<Option<Result<Payload>>> {
        let this = &mut *self;
        let Some(frames) = &mut this.frames else {
            return Poll::Ready(None);
        };
        let next = match frames.poll_next(waker, true) {
            Poll::Ready(next) => next.transpose(),
            Poll::Pending => Some(Err(ready!(this.idle.poll(waker)))),
        };
        if matches!(next, Some(Ok(_))) {
            this.idle.touch();
        } else {
            this.frames = None;
        }
        Poll::Ready(next.map(|bytes| Ok(this.reading.payload(bytes?))))
    }
}
