//! Reads a response that is a stream: head, messages and trailers. The peer is not trusted.
//!
//! Unread data takes no more memory than the stream's flow-control window: the window is extended
//! only once a whole chunk has been processed.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h2::RecvStream;
use h2::client::ResponseFuture;
use http::HeaderMap;
use micro_wake::Repoller;

use crate::connection::frames::{MessageReader, nonsense};
use crate::connection::response::{ResponseLimits, codec};
use crate::connection::room::Room;
use crate::connection::status::status;
use crate::connection::stream_limiter::StreamPermit;
use crate::failure::Failure;
use micro_core::handler::Payload;
use micro_message::codec::Codec;
use micro_message::metadata::Metadata;
use micro_wire::headers;

/// The responses of a streaming call. Dropping it cancels the call at the peer.
pub(crate) struct IncomingResponses {
    replies: BodyReader,
    /// Polls again if driving the connection has received the awaited data.
    again: Repoller,
    /// Whether several messages were buffered at once since the reader last had to wait.
    flows: bool,
}

struct BodyReader {
    stage: Stage,
    /// Metadata of the head, from its arrival until it is taken.
    leading: Option<Metadata>,
    limits: ResponseLimits,
    slot: StreamPermit,
}

enum Stage {
    RequestHead(ResponseFuture),
    Body(Box<ReadState>),
    Over,
}

struct ReadState {
    body: RecvStream,
    frames: MessageReader,
    room: Room,
    codec: Codec,
    /// Bytes of the current chunk, released to the flow-control window once it is processed.
    owed: usize,
    /// Status in the head, which applies if the response has no trailers of its own.
    status: Option<Result<(), Failure>>,
}

/// The next item of a stream of responses.
pub(crate) enum NextItem {
    Message(Payload),
    /// Outcome of the stream, and its trailing metadata.
    End(Result<(), Failure>, Metadata),
}

impl IncomingResponses {
    pub(crate) fn new(
        response: ResponseFuture,
        limits: ResponseLimits,
        slot: StreamPermit,
    ) -> Self {
        let replies = BodyReader {
            stage: Stage::RequestHead(response),
            leading: None,
            limits,
            slot,
        };
        Self {
            replies,
            again: Repoller::new(),
            flows: false,
        }
    }

    /// Waits for the head of the response. Must not be called again after a failure.
    pub(crate) fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        self.again.poll(cx, |cx| self.replies.poll_head(cx))
    }

    /// Returns the metadata of the head, once, as soon as the head has arrived.
    pub(crate) fn take_leading(&mut self) -> Option<Metadata> {
        self.replies.leading.take()
    }

    /// Returns the next message if it is buffered, without polling the connection.
    #[inline]
    pub(crate) fn ready(&mut self) -> Option<Payload> {
        let ready = self.replies.ready();
        self.flows |= ready.is_some();
        ready
    }

    /// Whether the reader should drive the connection in its own poll. With one message at a time
    /// the driver's task is measurably faster, because it runs on a second thread.
    pub(crate) fn flows(&self) -> bool {
        self.flows
    }

    /// Waits for the next item. Must not be called again after the end.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<NextItem> {
        if !self.flows {
            return self.replies.poll(cx, false);
        }
        let polled = self.again.poll(cx, |cx| self.replies.poll(cx, true));
        self.flows = polled.is_ready();
        polled
    }

    /// Makes the driver send a ping, because the peer does not respond.
    pub(crate) fn suspect(&self) {
        self.replies.slot.connection().suspect();
    }
}

impl BodyReader {
    fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        let Stage::RequestHead(response) = &mut self.stage else {
            return Poll::Ready(Ok(()));
        };
        let id = response.stream_id().as_u32();
        let connection = self.slot.connection();
        let response = ready!(connection.moving(|| Pin::new(response).poll(cx)));
        self.stage = Stage::Over;
        let (head, body) = match response {
            Ok(response) => response.into_parts(),
            Err(error) => return Poll::Ready(Err(connection.broken(&error, id))),
        };
        let status = body
            .is_end_stream()
            .then(|| status(&head.headers))
            .flatten();
        if let Some(Err(failure)) = status {
            return Poll::Ready(Err(failure));
        }
        let codec = match codec(head.status, &head.headers, self.limits.codec) {
            Ok(codec) => codec,
            Err(failure) => return Poll::Ready(Err(failure)),
        };
        let mut leading = Metadata::new();
        headers::read(&head.headers, &mut leading);
        self.leading = Some(leading);
        self.stage = Stage::Body(Box::new(ReadState {
            body,
            frames: MessageReader::new(&head.headers, self.limits.message),
            room: Room::new(&connection.receive),
            codec,
            owed: 0,
            status,
        }));
        Poll::Ready(Ok(()))
    }

    #[inline]
    fn ready(&mut self) -> Option<Payload> {
        let Stage::Body(reading) = &mut self.stage else {
            return None;
        };
        Some(Payload::Encoded {
            codec: reading.codec,
            bytes: reading.frames.ready()?,
            memory: self.limits.memory,
        })
    }

    fn poll(&mut self, cx: &mut Context<'_>, moves: bool) -> Poll<NextItem> {
        if let Err(failure) = ready!(self.poll_head(cx)) {
            return Poll::Ready(NextItem::End(Err(failure), Metadata::new()));
        }
        let Stage::Body(reading) = &mut self.stage else {
            let failure = nonsense("the stream is over");
            return Poll::Ready(NextItem::End(Err(failure), Metadata::new()));
        };
        let memory = self.limits.memory;
        let connection = self.slot.connection();
        let polled = if moves {
            connection.moving(|| reading.poll(cx))
        } else {
            reading.poll(cx)
        };
        let ended = match ready!(polled) {
            Ok(Some(bytes)) => {
                let codec = reading.codec;
                return Poll::Ready(NextItem::Message(Payload::Encoded {
                    codec,
                    bytes,
                    memory,
                }));
            }
            Ok(None) => match ready!(reading.poll_end(cx)) {
                Ok(ended) => Ok(ended),
                Err(broken) => Err(broken),
            },
            Err(broken) => Err(broken),
        };
        let id = reading.body.stream_id().as_u32();
        self.stage = Stage::Over;
        Poll::Ready(match ended {
            Ok((status, metadata)) => NextItem::End(status, metadata),
            Err(ReadError::Response(failure)) => NextItem::End(Err(failure), Metadata::new()),
            Err(ReadError::Stream(error)) => {
                let failure = connection.cut(&error, id);
                NextItem::End(Err(failure), Metadata::new())
            }
        })
    }
}

/// Why reading cannot continue.
enum ReadError {
    Stream(h2::Error),
    Response(Failure),
}

impl From<Failure> for ReadError {
    fn from(failure: Failure) -> Self {
        Self::Response(failure)
    }
}

impl From<h2::Error> for ReadError {
    fn from(error: h2::Error) -> Self {
        Self::Stream(error)
    }
}

impl ReadState {
    /// Returns the next message; `None` after the last.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, ReadError>> {
        loop {
            if let Some(message) = self.frames.next()? {
                self.room.release();
                return Poll::Ready(Ok(Some(message)));
            }
            ready!(self.room.poll_reserve(&self.frames, cx))?;
            if self.owed > 0 {
                let owed = std::mem::take(&mut self.owed);
                self.body.flow_control().release_capacity(owed)?;
            }
            match ready!(self.body.poll_data(cx)) {
                Some(Ok(chunk)) => {
                    self.owed = chunk.len();
                    self.frames.push(chunk);
                }
                Some(Err(error)) => return Poll::Ready(Err(error.into())),
                None => return Poll::Ready(Ok(None)),
            }
        }
    }

    /// Returns the status and the metadata that follow the last message.
    #[expect(clippy::type_complexity, reason = "one caller, which takes it apart")]
    fn poll_end(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(Result<(), Failure>, Metadata), ReadError>> {
        let trailers: HeaderMap = ready!(self.body.poll_trailers(cx))?.unwrap_or_default();
        let outcome = match status(&trailers).or_else(|| self.status.take()) {
            Some(Ok(())) if self.frames.is_between() => Ok(()),
            Some(Ok(())) => Err(nonsense("the stream's last message is cut off")),
            Some(Err(failure)) => Err(failure),
            None => Err(nonsense("the stream ended without a status")),
        };
        let mut metadata = Metadata::new();
        headers::read(&trailers, &mut metadata);
        Poll::Ready(Ok((outcome, metadata)))
    }
}
