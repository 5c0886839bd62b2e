//! Requests that come in frames: the only message of a unary call, or a stream that is read as the
//! handler asks for messages.
//!
//! Nothing is read ahead. While a handler does not ask, HTTP/2's flow control holds the peer back.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::HeaderValue;
use http_body::Body;

use crate::buffers::{Buffers, COUNTED_REQUEST, Intake};
use crate::timeouts::IdleTimer;
use micro_core::handler::{Payload, Source};
use micro_core::internal::CallRecord;
use micro_message::codec::Codec;
use micro_message::error::{Error, Result};
use micro_wake::Held;
use micro_wire::Compression;
use micro_wire::grpc::frame::{COMPRESSED, Decoder, Prefix};

/// Error of a request body.
pub(super) type BodyError = Box<dyn std::error::Error + Send + Sync>;

/// How encoded messages are decoded.
#[derive(Debug, Clone, Copy)]
pub(super) struct DecodeOptions {
    pub(super) codec: Codec,
    /// Maximum size of a message, in bytes.
    pub(super) limit: usize,
}

impl DecodeOptions {
    /// Returns the maximum memory for decoding a message, in bytes: four times the maximum message
    /// size.
    pub(super) fn memory(self) -> usize {
        self.limit.saturating_mul(4)
    }

    /// Returns the payload of an encoded message.
    pub(super) fn payload(self, bytes: Bytes) -> Payload {
        Payload::Encoded {
            codec: self.codec,
            bytes,
            memory: self.memory(),
        }
    }
}

/// Reads the messages of a gRPC, gRPC-Web or Connect body in order.
#[derive(Debug)]
pub(super) struct FrameReader<B> {
    body: B,
    decoder: Decoder,
    limit: usize,
    intake: Intake,
    /// Compression of the messages that are flagged as compressed, as the client names it.
    encoding: Option<HeaderValue>,
    /// Whether messages are counted until their handler returns.
    counts: bool,
    /// A complete message that waits for room, and its compression.
    complete: Option<(Bytes, Option<Compression>)>,
}

impl<B> FrameReader<B>
where
    B: Body<Data = Bytes, Error: Into<BodyError>> + Unpin,
{
    /// Creates a reader of messages of at most `limit` bytes, both as received and decompressed.
    pub(super) fn new(
        body: B,
        limit: usize,
        buffers: &Buffers,
        encoding: Option<&HeaderValue>,
    ) -> Self {
        Self {
            body,
            decoder: Decoder::default(),
            limit,
            intake: buffers.intake(),
            encoding: encoding.cloned(),
            counts: false,
            complete: None,
        }
    }

    /// Returns the next message; `None` after the last.
    ///
    /// If `patient`, the wait for the beginning of a message has no timeout. A message that has
    /// begun must make progress.
    pub(super) fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
        patient: bool,
    ) -> Poll<Result<Option<Bytes>>> {
        loop {
            if let Some(message) = ready!(self.poll_received(cx))? {
                return Poll::Ready(Ok(Some(message)));
            }
            let begun = !self.decoder.is_between();
            if let Some((length, here)) = self.decoder.begun() {
                ready!(self.intake.poll_reserve(cx, length, here))?;
            }
            match Pin::new(&mut self.body).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => {
                    self.intake.progress();
                    // Trailers of a request have no meaning here.
                    if let Ok(data) = frame.into_data() {
                        self.decoder.push(data);
                    }
                }
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Err(broken(error))),
                Poll::Ready(None) if begun => {
                    let progress = self.decoder.progress();
                    let text = format!("the request ends after {progress}");
                    return Poll::Ready(Err(Error::invalid_argument(text)));
                }
                Poll::Ready(None) => return Poll::Ready(Ok(None)),
                Poll::Pending if patient && !begun => return Poll::Pending,
                Poll::Pending => {
                    return Poll::Ready(Err(ready!(self.intake.poll_stalled(cx))));
                }
            }
        }
    }

    /// Returns the next message if it has been received completely. Waits for room if messages are
    /// counted.
    #[inline]
    fn poll_received(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>>> {
        if self.counts && self.complete.is_some() {
            return self.poll_admitted(cx);
        }
        let uncounted = if self.counts {
            COUNTED_REQUEST - 1
        } else {
            usize::MAX
        };
        if self.encoding.is_none()
            && let Some(message) = self.decoder.plain(self.limit.min(uncounted))
        {
            return Poll::Ready(Ok(Some(message)));
        }
        let Some(prefix) = self.decoder.prefix() else {
            return Poll::Ready(Ok(None));
        };
        let compression = self.check(prefix)?;
        let Some(message) = self.decoder.message(prefix) else {
            return Poll::Ready(Ok(None));
        };
        if self.counts {
            self.complete = Some((message, compression));
            return self.poll_admitted(cx);
        }
        Poll::Ready(self.decompress(message, compression).map(Some))
    }

    /// Waits until the complete message has room beside the requests whose handlers run.
    fn poll_admitted(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>>> {
        let Some((message, compression)) = self.complete.take() else {
            return Poll::Ready(Ok(None));
        };
        // How large a compressed message will be is known only after it is decompressed.
        let length = compression.map_or(message.len(), |_| self.limit);
        match self.intake.poll_admit(cx, length, message.len()) {
            Poll::Pending => {
                self.complete = Some((message, compression));
                Poll::Pending
            }
            Poll::Ready(admitted) => {
                admitted?;
                Poll::Ready(self.decompress(message, compression).map(Some))
            }
        }
    }

    fn decompress(&self, message: Bytes, compression: Option<Compression>) -> Result<Bytes> {
        match compression {
            Some(way) => Ok(way.decompress(&message, self.limit)?.into()),
            None => Ok(message),
        }
    }

    /// Checks a prefix before its message is buffered, and returns the compression of the message.
    fn check(&self, prefix: Prefix) -> Result<Option<Compression>> {
        let Prefix { flag, length } = prefix;
        if flag > COMPRESSED {
            return Err(Error::invalid_argument(format!(
                "the body is not a message: messages start with 0 or 1, not with {flag}"
            )));
        }
        // An unknown compression is refused even if this message is not compressed.
        let mut compression = match &self.encoding {
            Some(name) => Compression::find(name.to_str().unwrap_or("?"))?,
            None => None,
        };
        if flag != COMPRESSED {
            compression = None;
        } else if compression.is_none() {
            let text = "a message is flagged as compressed, but no header says with what";
            return Err(Error::internal(text));
        }
        if length > self.limit {
            return Err(too_large(length, self.limit));
        }
        Ok(compression)
    }

    /// Returns the only message of a unary request, and its reservation, to be kept while the
    /// handler runs.
    ///
    /// # Errors
    ///
    /// `Unimplemented`, as gRPC specifies, when the request has no message or a second one.
    pub(super) async fn only(mut self) -> Result<(Bytes, Option<Held>)> {
        self.counts = true;
        let first = poll_fn(|cx| self.poll_next(cx, false)).await?;
        let message = first.ok_or_else(|| {
            Error::unimplemented("the request ends before its message; this method takes one")
        })?;
        let held = self.intake.admitted(message.len())?;
        self.counts = false;
        let end = poll_fn(|cx| {
            let polled = self.poll_next(cx, false);
            if polled.is_pending() {
                self.intake.hold(message.len())?;
            }
            polled
        });
        match end.await? {
            None => Ok((message, held)),
            Some(_) => Err(Error::unimplemented(
                "the request has a second message; this method takes one",
            )),
        }
    }
}

/// The messages of a streaming request. Flow control holds the peer back until they are read.
pub(super) struct RequestStream<B> {
    /// `None` after the end or an error.
    frames: Option<FrameReader<B>>,
    decode: DecodeOptions,
    idle: IdleTimer,
    /// Counts the messages, if every call is logged.
    record: Option<Arc<CallRecord>>,
}

impl<B> RequestStream<B> {
    pub(super) fn new(
        frames: FrameReader<B>,
        decode: DecodeOptions,
        idle: IdleTimer,
        record: Option<Arc<CallRecord>>,
    ) -> Self {
        Self {
            frames: Some(frames),
            decode,
            idle,
            record,
        }
    }
}

impl<B> Source for RequestStream<B>
where
    B: Body<Data = Bytes, Error: Into<BodyError>> + Send + Unpin,
{
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Payload>>> {
        let this = &mut *self;
        let Some(frames) = &mut this.frames else {
            return Poll::Ready(None);
        };
        let next = match frames.poll_next(cx, true) {
            Poll::Ready(next) => next.transpose(),
            Poll::Pending => Some(Err(ready!(this.idle.poll(cx)))),
        };
        if matches!(next, Some(Ok(_))) {
            this.idle.touch();
            if let Some(record) = &this.record {
                record.received_message();
            }
            frames.intake.release();
        } else {
            this.frames = None;
        }
        Poll::Ready(next.map(|bytes| Ok(this.decode.payload(bytes?))))
    }
}

/// The error of a request that has not arrived in time.
pub(super) fn late(path: &str, time: Option<Duration>) -> Error {
    let time = time.unwrap_or_default();
    Error::deadline_exceeded(format!(
        "the request of `{path}` did not arrive within {time:.1?}"
    ))
}

/// The error of a message that is refused before it is read.
pub(super) fn too_large(length: usize, limit: usize) -> Error {
    Error::resource_exhausted(format!(
        "the message takes {length} bytes; this method accepts at most {limit}"
    ))
}

/// The error of a body that cannot be read further: it is malformed, or the client has
/// disconnected.
pub(super) fn broken(error: impl Into<BodyError>) -> Error {
    let error = match error.into().downcast::<Error>() {
        // A decoder between hyper and this reader has reported what is wrong with the body.
        Ok(error) => return *error,
        Err(error) => error,
    };
    let cause = error.source().and_then(|cause| cause.downcast_ref());
    let malformed = match cause.map(io::Error::kind) {
        Some(io::ErrorKind::UnexpectedEof) => "the request ends before its body does",
        // Sockets do not return these kinds of errors. hyper returns them for malformed chunks.
        Some(io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData) => {
            "the chunks of the body are malformed"
        }
        _ => {
            let gone = Error::cancelled("the caller went away before its request was complete");
            return gone.with_source(error);
        }
    };
    Error::invalid_argument(malformed).with_source(error)
}
