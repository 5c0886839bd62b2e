//! The messages of a reply on their way out: encoded, measured, compressed where both sides want
//! it, framed; and what ends them. Each protocol brings its [`Framing`].
//!
//! What is ready at once goes out in one piece of at most 16 KiB (or one message, if that
//! is longer). The next piece is asked for when the last has been taken: a handler is ahead of a
//! reader by one piece beside what the reader's windows, at most 1 MiB a stream, let through.

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
use micro_core::internal::catch_panic;
use micro_message::codec::Codec;
use micro_message::error::{Error, Result};
use micro_message::metadata::Metadata;
use micro_wake::{ByteBudget, Claim, TimeSlice, WakeFlag, poll_unconstrained};
use micro_wire::Compression;
use micro_wire::grpc::frame::OpenFrame;
use micro_wire::headers;

/// A piece that is longer holds one large message.
const LARGE_PIECE: usize = 16 << 10;

/// How a protocol writes the messages of a reply, and what follows them.
pub(super) trait Framing: Copy + Send + Sync + 'static {
    /// Whether the end stands in HTTP's trailers rather than in the body.
    const ENDS_IN_TRAILERS: bool = false;

    /// What is sent in a silence, and after how much of it.
    const KEEP_ALIVE: Option<(Duration, &'static [u8])> = None;

    /// Appends a message: in a frame, unless the protocol has its own way.
    fn message(
        self,
        encode: &EncodeOptions,
        payload: PayloadRef<'_>,
        path: &str,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        encode.frame(payload, path, out)
    }

    /// Appends what follows the messages; returns it where it stands in trailers.
    fn end(
        self,
        outcome: Result<(), &Error>,
        metadata: &Metadata,
        out: &mut Vec<u8>,
    ) -> Option<HeaderMap>;

    /// Some of the body's bytes as they are sent.
    fn encode_chunk(self, chunk: Vec<u8>) -> Vec<u8> {
        chunk
    }
}

/// How the messages of one reply are encoded.
#[derive(Debug, Clone, Copy)]
pub(super) struct EncodeOptions {
    pub(super) codec: Codec,
    /// With what messages are compressed: configured here, and accepted by the caller.
    compression: Option<Compression>,
    /// Whether other callers may get it compressed.
    varies: bool,
    /// What the settings compress with, for callers that accept it.
    configured: Option<Compression>,
    /// Messages shorter than this are not compressed.
    from: usize,
    /// The longest message, in bytes before compression: the method's limit. The server's own is
    /// for what it receives.
    limit: Option<usize>,
}

impl EncodeOptions {
    /// For a method's replies, not compressed.
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

    /// Compressed as configured, if the caller lists that under a name.
    pub(super) fn accepted_by(mut self, headers: &HeaderMap, name: &HeaderName) -> Self {
        self.compression = self
            .configured
            .filter(|way| way.is_in(&headers::list(headers, name)));
        self.varies = self.configured.is_some();
        self
    }

    /// Appends a message in a frame; when that fails, something of it may be there.
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

    /// A message without a frame, and whether it is compressed.
    pub(super) fn plain(&self, payload: PayloadRef<'_>, path: &str) -> Result<(Vec<u8>, bool)> {
        let mut out = Vec::with_capacity(payload.room());
        payload.write(self.codec, &mut out)?;
        self.body(out, path)
    }

    /// The bytes of a whole body, and whether they are compressed.
    pub(super) fn body(&self, bytes: Vec<u8>, path: &str) -> Result<(Vec<u8>, bool)> {
        self.check(bytes.len(), path)?;
        Ok(match self.compressed(&bytes)? {
            Some(small) => (small, true),
            None => (bytes, false),
        })
    }

    /// The response of one whole body, where HTTP's own headers say how it is compressed.
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

    /// The same bytes compressed, when that is wanted and worth it.
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

    /// The name to announce in a header, if anything may come compressed.
    pub(super) fn encoding(&self) -> Option<HeaderValue> {
        let way = self.compression?;
        Some(HeaderValue::from_static(way.name()))
    }
}

/// Makes bytes of the only message of a reply. A message that panics meanwhile is an error of its
/// own call, as a handler that panics: the connection serves others, too.
///
/// Messages of streams are written within the frame of their handler, which has such a guard.
///
/// # Errors
///
/// What `write` returns; `Internal` when it panics.
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

/// The body of a reply.
///
/// # Errors
///
/// When the only message cannot be sent; what goes wrong in a stream comes at its end.
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
            });
            return Ok(ResponseBody::chunks(ResponseStream {
                stream,
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

/// How the messages of one reply are written.
struct FrameWriter<F> {
    framing: F,
    encode: EncodeOptions,
    method: Arc<MethodInfo>,
}

impl<F: Framing> EncodeFrame for FrameWriter<F> {
    fn frame(&self, message: PayloadRef<'_>, out: &mut Vec<u8>) -> Result<()> {
        let path = &self.method.path;
        self.framing.message(&self.encode, message, path, out)
    }
}

/// The messages of a streaming reply.
struct ResponseStream<F> {
    stream: PayloadStream,
    bell: WakeFlag,
    turn: TimeSlice,
    batch: Arc<Mutex<Batch<FrameWriter<F>>>>,
    framing: F,
    /// How the stream ended, while what came before is being sent.
    over: Option<Result<()>>,
    /// Whether there was a piece the last time: only then are the ends not waited for.
    flows: bool,
    /// Where its pieces count.
    send: Arc<ByteBudget>,
    /// Set while it waits for room there.
    claim: Option<Claim>,
    /// Whether the last piece was larger than pieces of several messages are.
    is_large: bool,
    method: Arc<MethodInfo>,
    ends: StreamEnd,
}

impl<F: Framing> Chunks for ResponseStream<F> {
    /// The next messages, or what follows the last.
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

    /// Waits for room for a large message: until the peer has taken of what it was sent before, by
    /// this stream or others. Small ones are bounded by their number of streams.
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

    /// The messages that are ready.
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

    /// What has been gathered, or else the end.
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

/// What ends a stream from outside. What waits is made by the first wait.
struct StreamEnd {
    deadline: Option<Instant>,
    sleep: Option<Pin<Box<Sleep>>>,
    idle: IdleTimer,
    cut: Cancelled,
    /// Since when nothing was sent, where that matters.
    silent: Option<Pin<Box<Sleep>>>,
}

impl StreamEnd {
    /// Why the stream has to end, if it has to now.
    fn passed(&self, path: &str) -> Option<Error> {
        if self.cut.is_cancelled() {
            return Some(cut(path));
        }
        let late = self
            .deadline
            .is_some_and(|deadline| deadline <= Instant::now());
        late.then(|| self::late(path))
    }

    /// Waits for it.
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

    /// Waits until nothing was sent for some time.
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
