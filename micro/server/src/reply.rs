//! What goes out: the body of every HTTP response of this server.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};

use crate::calls::CallGuard;
use crate::grpc;
use crate::messages::{Messages, Part};
use micro_message::metadata::Metadata;

/// A response of this server.
pub(super) type HttpReply = Response<ReplyBody>;

/// The body of a response.
#[derive(Debug)]
pub(super) struct ReplyBody {
    content: Content,
    /// The call counts as running until the body is sent or dropped.
    call: Option<CallGuard>,
}

#[derive(Debug)]
enum Content {
    /// Nothing, or nothing more.
    Empty,
    /// Bytes of known length.
    Full(Bytes),
    /// One gRPC message; then a status of OK and metadata.
    Message(Bytes, Metadata),
    /// A gRPC status alone.
    Trailers(HeaderMap),
    /// Messages as they come, then what ends them.
    Messages(Box<Messages>),
}

impl ReplyBody {
    fn new(content: Content) -> Self {
        Self {
            content,
            call: None,
        }
    }

    pub(super) fn empty() -> Self {
        Self::new(Content::Empty)
    }

    pub(super) fn full(bytes: impl Into<Bytes>) -> Self {
        Self::new(Content::Full(bytes.into()))
    }

    pub(super) fn message(bytes: Bytes, trailers: Metadata) -> Self {
        Self::new(Content::Message(bytes, trailers))
    }

    pub(super) fn messages(messages: Messages) -> Self {
        Self::new(Content::Messages(Box::new(messages)))
    }

    pub(super) fn during(mut self, call: CallGuard) -> Self {
        self.call = Some(call);
        self
    }
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let (frame, next) = match std::mem::replace(&mut self.content, Content::Empty) {
            Content::Empty => return Poll::Ready(None),
            Content::Full(bytes) => (Frame::data(bytes), Content::Empty),
            Content::Message(bytes, metadata) => {
                let trailers = grpc::trailers(Ok(()), &metadata);
                (Frame::data(bytes), Content::Trailers(trailers))
            }
            Content::Trailers(trailers) => (Frame::trailers(trailers), Content::Empty),
            Content::Messages(mut messages) => match messages.poll_next(cx) {
                Poll::Pending => {
                    self.content = Content::Messages(messages);
                    return Poll::Pending;
                }
                Poll::Ready(Part::Data(bytes)) => (Frame::data(bytes), Content::Messages(messages)),
                Poll::Ready(Part::Last(bytes)) => (Frame::data(bytes), Content::Empty),
                Poll::Ready(Part::Trailers(trailers)) => {
                    (Frame::trailers(trailers), Content::Empty)
                }
            },
        };
        self.content = next;
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.content, Content::Empty)
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Empty => SizeHint::with_exact(0),
            Content::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            _ => SizeHint::default(),
        }
    }
}

/// A response of a status, a content type and bytes.
pub(super) fn plain(
    status: StatusCode,
    content_type: &'static str,
    bytes: impl Into<Bytes>,
) -> HttpReply {
    let mut response = Response::new(ReplyBody::full(bytes));
    *response.status_mut() = status;
    response.headers_mut().insert(
        http::header::CONTENT_TYPE,
        HeaderValue::from_static(content_type),
    );
    response
}
