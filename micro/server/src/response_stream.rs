//! The messages of a response as they are sent: encoded, checked against the limit, compressed if
//! both sides support it, and framed; and what ends the stream. Each protocol implements
//! [`Framing`].
//!
//! Messages that are ready at once are sent in one piece of at most 16 KiB (or one message, if it
//! is longer). HTTP/2 asks for the next piece when the last has been taken. A handler is thus one
//! piece ahead of its client, besides what the client's flow-control windows allow, at most 1 MiB
//! per stream.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, VARY};
use http::{HeaderMap, HeaderName, HeaderValue};
use micro_wake::sync::Mutex;
use tokio::time::{Instant, Sleep};

use crate::body::{Chunk, Chunks, HttpResponse, ResponseBody};
use crate::buffers::{Outgoing, not_taken, piece};
use crate::cancelled::Cancelled;
use crate::config::ResponseCompression;
use crate::server_call::{ServerCall, cut};
use crate::stream_deadline;
use crate::timeouts::IdleTimer;
use micro_core::handler::{
    self, Batch, Body, EncodeFrame, MethodInfo, PayloadRef, PayloadStream, SharedSink,
};
use micro_core::internal::{CallRecord, catch_panic};
use micro_message::codec::Codec;
use micro_message::error::{Error, Result};
use micro_message::metadata::Metadata;
use micro_wake::{ByteBudget, Claim, TimeSlice, WakeFlag, poll_unconstrained};
use micro_wire::Compression;
use micro_wire::grpc::frame::OpenFrame;
use micro_wire::headers;

/// A piece longer than this, in bytes, holds one large message.
const LARGE_PIECE: usize = 16 << 10;

/// How a protocol writes the messages of a response and the end of the stream.
pub(super) trait Framing: Copy + Send + Sync + 'static {
    /// Whether the end is sent in HTTP trailers rather than in the body.
    const ENDS_IN_TRAILERS: bool = false;

    /// Interval without a message after which a keep-alive is sent, and the bytes of the
    /// keep-alive. Default: none.
    const KEEP_ALIVE: Option<(Duration, &'static [u8])> = None;

    /// Appends a message. By default in a gRPC frame.
    fn message(
        self,
        encode: &EncodeOptions,
        payload: PayloadRef<'_>,
        path: &str,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        encode.frame(payload, path, out)
    }

    /// Appends what follows the messages. Returns it instead if the protocol sends it in trailers.
    fn end(
        self,
        outcome: Result<(), &Error>,
        metadata: &Metadata,
        out: &mut Vec<u8>,
    ) -> Option<HeaderMap>;

    /// Encodes a piece of the body before it is sent.
    fn encode_chunk(self, chunk: Vec<u8>) -> Vec<u8> {
        chunk
    }
}

/// How the messages of one response are encoded.
#[derive(Debug, Clone, Copy)]
pub(super) struct EncodeOptions {
    pub(super) codec: Codec,
    /// Compression of the messages: configured on this server and accepted by the client.
    compression: Option<Compression>,
    /// Whether the response depends on `accept-encoding`.
    varies: bool,
    /// Compression configured on this server, for clients that accept it.
    configured: Option<Compression>,
    /// Minimum size of a message to compress, in bytes.
    from: usize,
    /// Maximum size of a message in bytes before compression: the method's limit. The server's
    /// limit applies only to requests.
    limit: Option<usize>,
}

impl EncodeOptions {
    /// Options for responses of a method, without compression.
    pub(super) fn new(replies: &ResponseCompression, method: &MethodInfo, codec: Codec) -> Self {
        Self {
            codec,
            compression: None,
            varies: false,
            from: replies.min_size,
            limit: method.options.max_message_size,
            configured: replies.algorithm,
        }
    }

    /// Enables the configured compression if the client lists it in the header `name`.
    pub(super) fn accepted_by(mut self, headers: &HeaderMap, name: &HeaderName) -> Self {
        self.compression = self
            .configured
            .filter(|way| way.is_in(&headers::list(headers, name)));
        self.varies = self.configured.is_some();
        self
    }

    /// Appends a message in a frame. After an error, `out` may end with a part of the message.
    pub(super) fn frame(
        &self,
        payload: PayloadRef<'_>,
        path: &str,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        let frame = OpenFrame::begin(out);
        payload.write(self.codec, out)?;
        let length = frame.length(out);
        self.check(length, path)?;
        if let Some(way) = self.compression.filter(|_| length >= self.from) {
            frame.compress(way, out)?;
        }
        frame
            .close(out)
            .map_err(|length| too_large(path, length, u32::MAX as usize))
    }

    /// Encodes a message without a frame. Returns its bytes and whether they are compressed.
    pub(super) fn plain(&self, payload: PayloadRef<'_>, path: &str) -> Result<(Vec<u8>, bool)> {
        let mut out = Vec::with_capacity(payload.room());
        payload.write(self.codec, &mut out)?;
        self.body(out, path)
    }

    /// Compresses a complete body. Returns its bytes and whether they are compressed.
    pub(super) fn body(&self, bytes: Vec<u8>, path: &str) -> Result<(Vec<u8>, bool)> {
        self.check(bytes.len(), path)?;
        Ok(match self.compressed(&bytes)? {
            Some(small) => (small, true),
            None => (bytes, false),
        })
    }

    /// Returns the response of one complete body, with its compression in HTTP's own headers.
    pub(super) fn respond(
        &self,
        bytes: Outgoing,
        compressed: bool,
        mut headers: HeaderMap,
    ) -> HttpResponse {
        if let (true, Some(encoding)) = (compressed, self.encoding()) {
            headers.insert(CONTENT_ENCODING, encoding);
        }
        if self.varies {
            headers.append(VARY, ACCEPT_ENCODING.into());
        }
        ResponseBody::whole(bytes).with_headers(headers)
    }

    /// Returns the compressed bytes, if compression is enabled and makes them shorter.
    fn compressed(&self, bytes: &[u8]) -> Result<Option<Vec<u8>>> {
        match self.compression {
            Some(way) if bytes.len() >= self.from => {
                let small = way.compress(bytes)?;
                Ok((small.len() < bytes.len()).then_some(small))
            }
            _ => Ok(None),
        }
    }

    fn check(&self, length: usize, path: &str) -> Result<()> {
        match self.limit {
            Some(limit) if length > limit => Err(too_large(path, length, limit)),
            _ => Ok(()),
        }
    }

    /// Returns the name of the compression to announce in a header, if it is enabled.
    pub(super) fn encoding(&self) -> Option<HeaderValue> {
        let way = self.compression?;
        Some(HeaderValue::from_static(way.name()))
    }
}

/// Encodes the only message of a response. A panic in its encoder becomes an error of its call,
/// like a panic in a handler, because the connection serves other calls as well.
///
/// Messages of streams are encoded while their handler is polled, which is guarded already.
///
/// # Errors
///
/// Returns the error of `write`, or `Internal` when it panics.
pub(super) fn guarded<T>(path: &str, write: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_panic(write, || {
        tracing::error!(path, "a reply panicked while it was encoded");
        Err(Error::internal(format!(
            "a reply of `{path}` cannot be encoded"
        )))
    })
}

fn too_large(path: &str, length: usize, limit: usize) -> Error {
    Error::resource_exhausted(format!(
        "a reply of `{path}` takes {length} bytes, more than the {limit} that it may take"
    ))
}

/// Returns the body of a response.
///
/// # Errors
///
/// Returns an error when the only message cannot be sent. An error in a stream is sent at its end.
pub(super) fn body<F: Framing>(
    exchange: ServerCall<'_>,
    reply: handler::Response,
    encode: EncodeOptions,
    framing: F,
) -> Result<ResponseBody> {
    let method = &exchange.route.method;
    let (_, body, trailers) = reply.into_parts();
    let payload = match body {
        Body::One(payload) => payload,
        Body::Many(stream) => {
            stream_deadline::announce(exchange.context.deadline(), &exchange.idle);
            let batch = Batch::new(FrameWriter {
                framing,
                encode,
                method: Arc::clone(method),
                record: exchange.context.record().cloned(),
            });
            return Ok(ResponseBody::chunks(ResponseStream {
                stream,
                record: exchange.context.record().cloned(),
                bell: WakeFlag::new(),
                turn: TimeSlice::default(),
                batch: Arc::new(Mutex::new(batch)),
                framing,
                over: None,
                flows: true,
                send: Arc::clone(&exchange.connection.buffers.send),
                claim: None,
                is_large: false,
                method: Arc::clone(method),
                ends: StreamEnd {
                    deadline: exchange.context.deadline(),
                    sleep: None,
                    idle: exchange.idle,
                    cut: Cancelled::new(exchange.connection.cut.clone()),
                    silent: None,
                },
            }));
        }
    };
    let payload = payload.as_ref();
    let mut out = Vec::with_capacity(payload.room());
    let path = &method.path;
    guarded(path, || framing.message(&encode, payload, path, &mut out))?;
    let trailers = framing.end(Ok(()), &trailers, &mut out);
    let bytes = framing.encode_chunk(out);
    let bytes = exchange.connection.buffers.response(bytes)?;
    Ok(match trailers {
        Some(trailers) => ResponseBody::message(bytes, trailers),
        None => ResponseBody::whole(bytes),
    })
}

/// Writes the messages of one response.
struct FrameWriter<F> {
    framing: F,
    encode: EncodeOptions,
    method: Arc<MethodInfo>,
    /// Counts the messages, if every call is logged.
    record: Option<Arc<CallRecord>>,
}

impl<F: Framing> EncodeFrame for FrameWriter<F> {
    fn frame(&self, message: PayloadRef<'_>, out: &mut Vec<u8>) -> Result<()> {
        let path = &self.method.path;
        self.framing.message(&self.encode, message, path, out)?;
        if let Some(record) = &self.record {
            record.sent_message();
        }
        Ok(())
    }
}

/// The messages of a streaming response.
struct ResponseStream<F> {
    stream: PayloadStream,
    /// Records the outcome, if every call is logged.
    record: Option<Arc<CallRecord>>,
    bell: WakeFlag,
    turn: TimeSlice,
    batch: Arc<Mutex<Batch<FrameWriter<F>>>>,
    framing: F,
    /// The outcome of the stream, while earlier messages are still being sent.
    over: Option<Result<()>>,
    /// Whether the last poll returned a piece. Only then are the deadline and the abort signal
    /// checked without waiting for them.
    flows: bool,
    /// Counts the pieces.
    send: Arc<ByteBudget>,
    /// Set while a large message waits for room in `send`.
    claim: Option<Claim>,
    /// Whether the last piece was longer than a piece of several messages.
    is_large: bool,
    method: Arc<MethodInfo>,
    ends: StreamEnd,
}

impl<F: Framing> Chunks for ResponseStream<F> {
    /// Returns the next messages, or what follows the last.
    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Chunk> {
        let begun = ready!(self.turn.begin(cx));
        let polled = self.poll_next(cx);
        self.turn.end(begun, polled.is_ready());
        polled
    }
}

impl<F: Framing> ResponseStream<F> {
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Chunk> {
        if self.over.is_none() && self.flows {
            self.over = self.ends.passed(&self.method.path).map(Err);
        }
        let mut out = Vec::new();
        if self.over.is_none() && self.poll_room(cx).is_ready() && self.over.is_none() {
            out = self.gather(cx);
            self.flows = !out.is_empty();
        }
        if self.over.is_none() && out.is_empty() {
            match (self.ends.poll(cx, &self.method.path), F::KEEP_ALIVE) {
                (Poll::Ready(error), _) => self.over = Some(Err(error)),
                (Poll::Pending, None) => return Poll::Pending,
                (Poll::Pending, Some((after, sign))) => {
                    ready!(self.ends.silence(cx, after));
                    out.extend_from_slice(sign);
                }
            }
        }
        self.ends.silent = None;
        Poll::Ready(self.chunk(out))
    }

    /// Waits for room for a large message, until the peer has taken earlier responses of this
    /// stream or of others. Small pieces need no wait, because the number of streams bounds them.
    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.is_large || (self.claim.is_none() && self.send.has_room()) {
            return Poll::Ready(());
        }
        let claim = self.claim.get_or_insert_with(|| Claim::new(&self.send));
        let room = ready!(claim.poll_room(cx));
        self.claim = None;
        self.over = room.map_err(not_taken).err().map(Err);
        Poll::Ready(())
    }

    /// Encodes the messages that are ready.
    fn gather(&mut self, cx: &mut Context<'_>) -> Vec<u8> {
        let sink: SharedSink = self.batch.clone();
        let stream = &mut self.stream;
        let polled = self.bell.poll(cx.waker(), |cx| stream.poll_each(cx, &sink));
        let (out, framed) = self.batch.lock().take();
        self.over = match (framed, polled) {
            (Err(error), _) | (_, Poll::Ready(Some(Err(error)))) => Some(Err(error)),
            (Ok(()), Poll::Ready(None)) => Some(Ok(())),
            (Ok(()), Poll::Ready(Some(Ok(()))) | Poll::Pending) => None,
        };
        if !out.is_empty() || self.over.is_some() {
            self.ends.idle.touch();
        }
        out
    }

    /// Returns the gathered messages, or the end of the stream.
    fn chunk(&mut self, mut out: Vec<u8>) -> Chunk {
        if !out.is_empty() && (F::ENDS_IN_TRAILERS || self.over.is_none()) {
            self.is_large = out.len() > LARGE_PIECE;
            match piece(&self.send, self.framing.encode_chunk(out)) {
                Ok(bytes) => return Chunk::Data(bytes),
                Err(error) => self.over = Some(Err(error)),
            }
            out = Vec::new();
        }
        let outcome = self
            .over
            .as_ref()
            .map_or(Ok(()), |over| over.as_ref().copied());
        match (&self.record, outcome) {
            (Some(record), Err(error)) => record.fail(error, false),
            (Some(record), Ok(())) if self.over.is_some() => record.succeed(),
            _ => {}
        }
        let metadata = self
            .stream
            .metadata()
            .trailing()
            .cloned()
            .unwrap_or_default();
        match self.framing.end(outcome, &metadata, &mut out) {
            Some(trailers) => Chunk::Trailers(trailers),
            None => Chunk::Last(self.framing.encode_chunk(out).into()),
        }
    }
}

impl<F> fmt::Debug for ResponseStream<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseStream")
            .field("method", &self.method.path)
            .finish_non_exhaustive()
    }
}

/// Signals that end a stream from outside. Their timers are created when they are first polled.
struct StreamEnd {
    deadline: Option<Instant>,
    sleep: Option<Pin<Box<Sleep>>>,
    idle: IdleTimer,
    cut: Cancelled,
    /// Timer of the keep-alive, for protocols that have one.
    silent: Option<Pin<Box<Sleep>>>,
}

impl StreamEnd {
    /// Returns the error of a stream that has to end now.
    fn passed(&self, path: &str) -> Option<Error> {
        if self.cut.is_cancelled() {
            return Some(cut(path));
        }
        let late = self
            .deadline
            .is_some_and(|deadline| deadline <= Instant::now());
        late.then(|| self::late(path))
    }

    /// Waits until the stream has to end.
    fn poll(&mut self, cx: &mut Context<'_>, path: &str) -> Poll<Error> {
        if Pin::new(&mut self.cut).poll(cx).is_ready() {
            return Poll::Ready(cut(path));
        }
        if let Some(deadline) = self.deadline {
            let sleep = self
                .sleep
                .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
            if poll_unconstrained(sleep.as_mut(), cx).is_ready() {
                return Poll::Ready(late(path));
            }
        }
        self.idle.poll(cx)
    }

    /// Waits until nothing has been sent for `after`.
    fn silence(&mut self, cx: &mut Context<'_>, after: Duration) -> Poll<()> {
        let silent = self
            .silent
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(after)));
        silent.as_mut().poll(cx)
    }
}

fn late(path: &str) -> Error {
    Error::deadline_exceeded(format!("`{path}` was still sending at the deadline"))
}
