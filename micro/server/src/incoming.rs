//! The body of a request, and whether all of it was read.
//!
//! A connection of HTTP/1 whose request was not read to its end cannot be used again, and its peer
//! has to be told so before it tries.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

/// The body of a request.
#[derive(Debug)]
pub(super) struct Incoming {
    body: hyper::body::Incoming,
    /// Where the end is noted; `None` over HTTP/2, where it does not matter.
    end: Option<End>,
}

/// Whether a body was read to its end: written by the body, read once the answer is known.
#[derive(Debug, Clone, Default)]
pub(super) struct End(Arc<AtomicBool>);

impl End {
    pub(super) fn is_reached(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl Incoming {
    /// A body whose end nobody asks for.
    pub(super) fn new(body: hyper::body::Incoming) -> Self {
        Self { body, end: None }
    }

    /// A body that notes its end.
    pub(super) fn noting(body: hyper::body::Incoming) -> (Self, End) {
        let end = End::default();
        let own = Self {
            body,
            end: Some(end.clone()),
        };
        own.note();
        (own, end)
    }

    fn note(&self) {
        if let Some(end) = &self.end
            && self.body.is_end_stream()
        {
            end.0.store(true, Ordering::Relaxed);
        }
    }
}

impl Body for Incoming {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        if let (Poll::Ready(None), Some(end)) = (&polled, &self.end) {
            end.0.store(true, Ordering::Relaxed);
        }
        self.note();
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
