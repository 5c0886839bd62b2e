//! HTTP bodies: of the requests that the server receives and of its responses.
//!
//! The body of a response is independent of the protocol, which provides finished bytes and
//! trailers. The body of a request records whether it was read to its end: an HTTP/1 connection
//! with unread data cannot be reused, and the server has to announce that in the response.

use std::fmt::Debug;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};

use crate::activity::RequestGuard;
use crate::buffers::{Outgoing, Rest, Taken};
#[cfg(feature = "tower")]
use crate::mounts::MountedBody;
use crate::state::CallGuard;
use crate::stream_deadline::{self, Progress};
use micro_core::internal::CallRecord;

/// The error of a response body. Only the body of a mounted service can fail.
pub(super) type BodyError = Box<dyn std::error::Error + Send + Sync>;

/// A response of this server.
pub(super) type HttpResponse = Response<ResponseBody>;

/// The body of a response.
#[derive(Debug)]
pub(super) struct ResponseBody {
    content: Content,
    /// Keeps the call registered as running until the body has been sent or dropped.
    call: Option<CallGuard>,
    /// Marks the connection as busy until the body has been sent or dropped; `None` over HTTP/2.
    request: Option<RequestGuard>,
}

#[derive(Debug)]
enum Content {
    /// Nothing is left to send.
    Empty,
    /// Bytes of known length.
    Full(Outgoing),
    /// Bytes, then trailers.
    Message(Outgoing, HeaderMap),
    /// Trailers alone.
    Trailers(HeaderMap),
    /// The end of the body, optionally with trailers, once all bytes have been taken.
    Taking(Arc<Taken>, Option<HeaderMap>),
    /// Bytes as they become ready, then the end.
    Chunks(Box<dyn Chunks>),
    /// The body of a mounted service.
    #[cfg(feature = "tower")]
    Mounted(MountedBody),
}

/// The source of a body's chunks.
pub(super) trait Chunks: Debug + Send {
    /// Returns the next chunk. Must not be called after the last one.
    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Chunk>;
}

/// A part of a body.
#[derive(Debug)]
pub(super) enum Chunk {
    /// Bytes that are followed by more.
    Data(Bytes),
    /// The last bytes.
    Last(Bytes),
    /// The trailers, which end the body.
    Trailers(HeaderMap),
}

impl ResponseBody {
    fn new(content: Content) -> Self {
        Self {
            content,
            call: None,
            request: None,
        }
    }

    /// Returns a response with this body and the given headers.
    pub(super) fn with_headers(self, headers: HeaderMap) -> HttpResponse {
        let mut response = Response::new(self);
        *response.headers_mut() = headers;
        response
    }

    pub(super) fn empty() -> Self {
        Self::new(Content::Empty)
    }

    pub(super) fn full(bytes: impl Into<Bytes>) -> Self {
        Self::whole(Outgoing::new(bytes))
    }

    pub(super) fn whole(bytes: Outgoing) -> Self {
        Self::new(Content::Full(bytes))
    }

    pub(super) fn message(bytes: Outgoing, trailers: HeaderMap) -> Self {
        Self::new(Content::Message(bytes, trailers))
    }

    pub(super) fn chunks(chunks: impl Chunks + 'static) -> Self {
        Self::new(Content::Chunks(Box::new(chunks)))
    }

    #[cfg(feature = "tower")]
    pub(super) fn mounted(body: MountedBody) -> Self {
        Self::new(Content::Mounted(body))
    }

    /// Whether the body itself records how the call ends.
    fn records_its_end(&self) -> bool {
        match &self.content {
            Content::Chunks(_) => true,
            #[cfg(feature = "tower")]
            Content::Mounted(body) => !body.is_end_stream(),
            _ => false,
        }
    }

    /// Keeps the call registered as running until the body has been sent or dropped.
    pub(super) fn during(mut self, call: CallGuard) -> Self {
        if let (Some(record), false) = (call.record(), self.records_its_end()) {
            record.succeed();
        }
        self.call = Some(call);
        self
    }

    pub(super) fn during_request(mut self, request: RequestGuard) -> Self {
        self.request = Some(request);
        self
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let (frame, next) = match std::mem::replace(&mut self.content, Content::Empty) {
            Content::Empty => return Poll::Ready(None),
            Content::Full(bytes) => {
                let (piece, rest) = bytes.split();
                stream_deadline::note(Progress::Response);
                let next = match rest {
                    Rest::Nothing => Content::Empty,
                    Rest::More(bytes) => Content::Full(bytes),
                    Rest::Taken(taken) => Content::Taking(taken, None),
                };
                (Frame::data(piece), next)
            }
            Content::Message(bytes, trailers) => {
                let (piece, rest) = bytes.split();
                stream_deadline::note(Progress::Response);
                let next = match rest {
                    Rest::Nothing => Content::Trailers(trailers),
                    Rest::More(bytes) => Content::Message(bytes, trailers),
                    Rest::Taken(taken) => Content::Taking(taken, Some(trailers)),
                };
                (Frame::data(piece), next)
            }
            Content::Taking(taken, trailers) => {
                if taken.poll(cx).is_pending() {
                    self.content = Content::Taking(taken, trailers);
                    return Poll::Pending;
                }
                return Poll::Ready(trailers.map(|trailers| Ok(Frame::trailers(trailers))));
            }
            Content::Trailers(trailers) => (Frame::trailers(trailers), Content::Empty),
            #[cfg(feature = "tower")]
            Content::Mounted(mut body) => {
                let polled = body.poll_frame(cx);
                stream_deadline::note(match polled {
                    Poll::Pending => Progress::Waits,
                    Poll::Ready(_) => Progress::Piece,
                });
                if !matches!(polled, Poll::Ready(None | Some(Err(_)))) {
                    self.content = Content::Mounted(body);
                }
                return polled;
            }
            Content::Chunks(mut chunks) => match chunks.poll_chunk(cx) {
                Poll::Pending => {
                    stream_deadline::note(Progress::Waits);
                    self.content = Content::Chunks(chunks);
                    return Poll::Pending;
                }
                Poll::Ready(Chunk::Data(bytes)) => {
                    stream_deadline::note(Progress::Piece);
                    (Frame::data(bytes), Content::Chunks(chunks))
                }
                Poll::Ready(Chunk::Last(bytes)) => {
                    stream_deadline::note(Progress::Piece);
                    (Frame::data(bytes), Content::Empty)
                }
                Poll::Ready(Chunk::Trailers(trailers)) => {
                    (Frame::trailers(trailers), Content::Empty)
                }
            },
        };
        self.content = next;
        if let (Some(record), Some(data)) = (
            self.call.as_ref().and_then(CallGuard::record),
            frame.data_ref(),
        ) {
            record.sent(data.len());
        }
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        match &self.content {
            Content::Empty => true,
            #[cfg(feature = "tower")]
            Content::Mounted(body) => body.is_end_stream(),
            _ => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Empty => SizeHint::with_exact(0),
            Content::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            #[cfg(feature = "tower")]
            Content::Mounted(body) => body.size_hint(),
            _ => SizeHint::default(),
        }
    }
}

/// Returns a response with the given status, content type and bytes.
pub(super) fn plain(
    status: StatusCode,
    content_type: &'static str,
    bytes: impl Into<Bytes>,
) -> HttpResponse {
    let mut response = Response::new(ResponseBody::full(bytes));
    *response.status_mut() = status;
    response.headers_mut().insert(
        http::header::CONTENT_TYPE,
        HeaderValue::from_static(content_type),
    );
    response
}

/// The body of a request.
#[derive(Debug)]
pub(super) struct Incoming {
    body: hyper::body::Incoming,
    /// Records the end of the body; `None` over HTTP/2, which does not need it.
    end: Option<EndFlag>,
    /// Counts the bytes, if every call is logged.
    record: Option<Arc<CallRecord>>,
}

/// Whether a body was read to its end. The body sets it; the server reads it when the response is
/// ready.
#[derive(Debug, Clone, Default)]
pub(super) struct EndFlag(Arc<AtomicBool>);

impl EndFlag {
    pub(super) fn is_reached(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl Incoming {
    /// Creates a body that does not record its end.
    pub(super) fn new(body: hyper::body::Incoming) -> Self {
        Self {
            body,
            end: None,
            record: None,
        }
    }

    /// Creates a body that records its end.
    pub(super) fn noting(body: hyper::body::Incoming) -> (Self, EndFlag) {
        let end = EndFlag::default();
        let own = Self {
            body,
            end: Some(end.clone()),
            record: None,
        };
        own.note();
        (own, end)
    }

    /// Counts the bytes of the body for the log of a call.
    pub(super) fn counted_by(mut self, call: &CallGuard) -> Self {
        self.record = call.record().cloned();
        self
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
        if let (Some(record), Poll::Ready(Some(Ok(frame)))) = (&self.record, &polled) {
            record.received(frame.data_ref().map_or(0, Bytes::len));
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
