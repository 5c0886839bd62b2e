//! The messages of a reply on their way out, and what ends them.
//!
//! What is ready at once goes out in one piece of at most 16 KiB (or one message, if that
//! is longer). The next piece is asked for when the last has been taken: a handler is ahead of a
//! reader by one piece beside what the reader's windows, at most 1 MiB a stream, let through.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context as Waker, Poll, ready};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::HeaderMap;
use tokio::time::{Instant, Sleep};

use crate::cancelled::Cancelled;
use crate::exchange::{Exchange, cut};
use crate::idle::Idle;
use crate::reply::ReplyBody;
use crate::writer::{Writer, guarded};
use crate::{connect, grpc, overtime, rest, sse};
use micro_core::handler::{
    Batch, Body, Frame, MethodInfo, PayloadRef, PayloadStream, Reply, SharedSink, lock,
};
use micro_core::wake::{Bell, Turn, unhurried};
use micro_message::error::{Error, Result};
use micro_message::metadata::Metadata;
use micro_wire::grpc::frame;

/// How a protocol frames messages and says that they are over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// Frames, and the status as HTTP trailers.
    Grpc,
    /// Frames, and the trailers as the last.
    Web,
    /// The same in base64.
    WebText,
    /// Frames, and a last one of JSON.
    Connect,
    /// Server-sent events.
    Events,
    /// A line of JSON for each.
    Lines,
}

/// A part of a body.
#[derive(Debug)]
pub(super) enum Part {
    /// Messages.
    Data(Bytes),
    /// The last bytes.
    Last(Bytes),
    /// The end, in trailers.
    Trailers(HeaderMap),
}

impl Framing {
    /// Appends a message.
    fn message(
        self,
        writer: &Writer,
        payload: PayloadRef<'_>,
        path: &str,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        match self {
            Self::Events => {
                let (json, _) = writer.plain(payload, path)?;
                sse::event(&json, out);
                Ok(())
            }
            Self::Lines => {
                let (json, _) = writer.plain(payload, path)?;
                rest::line(&json, out);
                Ok(())
            }
            _ => writer.frame(payload, path, out),
        }
    }

    /// Appends what follows the messages; gives it back where it is no part of the body.
    pub(super) fn end(
        self,
        outcome: Result<(), &Error>,
        metadata: &Metadata,
        out: &mut Vec<u8>,
    ) -> Option<HeaderMap> {
        match self {
            Self::Grpc => return Some(grpc::trailers(outcome, metadata)),
            Self::Web | Self::WebText => {
                let trailers = grpc::trailers(outcome, metadata);
                frame::write(grpc::TRAILERS, &grpc::text(&trailers), out);
            }
            Self::Connect => {
                let end = connect::end(outcome, metadata).to_string();
                frame::write(connect::END_STREAM, end.as_bytes(), out);
            }
            Self::Events => sse::end(outcome, metadata, out),
            Self::Lines => rest::end(outcome, metadata, out),
        }
        None
    }

    /// A piece as it goes out.
    pub(super) fn dress(self, piece: Vec<u8>) -> Bytes {
        match self {
            Self::WebText => STANDARD.encode(piece).into(),
            _ => piece.into(),
        }
    }
}

/// The body of a reply.
///
/// # Errors
///
/// When the only message cannot be sent; what goes wrong in a stream comes at its end.
pub(super) fn body(
    exchange: Exchange<'_>,
    reply: Reply,
    writer: Writer,
    framing: Framing,
) -> Result<ReplyBody> {
    let method = &exchange.route.method;
    let (_, body, trailers) = reply.into_parts();
    let payload = match body {
        Body::One(payload) => payload,
        Body::Many(stream) => {
            overtime::announce(exchange.context.deadline(), &exchange.idle);
            let batch = Batch::new(Framed {
                framing,
                writer,
                method: Arc::clone(method),
            });
            return Ok(ReplyBody::messages(Messages {
                stream,
                bell: Bell::new(),
                turn: Turn::default(),
                batch: Arc::new(Mutex::new(batch)),
                framing,
                over: None,
                flows: true,
                method: Arc::clone(method),
                ends: Ends {
                    deadline: exchange.context.deadline(),
                    sleep: None,
                    idle: exchange.idle,
                    cut: Cancelled::new(exchange.peer.cut.clone()),
                    silent: None,
                },
            }));
        }
    };
    let payload = payload.as_ref();
    let mut out = Vec::with_capacity(payload.room());
    let path = &method.path;
    guarded(path, || framing.message(&writer, payload, path, &mut out))?;
    if framing == Framing::Grpc {
        return Ok(ReplyBody::message(out.into(), trailers));
    }
    framing.end(Ok(()), &trailers, &mut out);
    Ok(ReplyBody::full(framing.dress(out)))
}

/// How the messages of one reply are written.
struct Framed {
    framing: Framing,
    writer: Writer,
    method: Arc<MethodInfo>,
}

impl Frame for Framed {
    fn frame(&self, message: PayloadRef<'_>, out: &mut Vec<u8>) -> Result<()> {
        let path = &self.method.path;
        self.framing.message(&self.writer, message, path, out)
    }
}

/// The messages of a streaming reply.
pub(super) struct Messages {
    stream: PayloadStream,
    bell: Bell,
    turn: Turn,
    batch: Arc<Mutex<Batch<Framed>>>,
    framing: Framing,
    /// How the stream ended, while what came before is being sent.
    over: Option<Result<()>>,
    /// Whether there was a piece the last time: only then are the ends not waited for.
    flows: bool,
    method: Arc<MethodInfo>,
    ends: Ends,
}

impl Messages {
    /// The next piece of messages, or what follows the last.
    pub(super) fn poll_next(&mut self, waker: &mut Waker<'_>) -> Poll<Part> {
        let begun = ready!(self.turn.begin(waker));
        let polled = self.poll_part(waker);
        self.turn.end(begun, polled.is_ready());
        polled
    }

    fn poll_part(&mut self, waker: &mut Waker<'_>) -> Poll<Part> {
        if self.over.is_none() && self.flows {
            self.over = self.ends.passed(&self.method.path).map(Err);
        }
        let mut out = Vec::new();
        if self.over.is_none() {
            out = self.gather(waker);
            self.flows = !out.is_empty();
        }
        if self.over.is_none() && out.is_empty() {
            match self.ends.poll(waker, &self.method.path) {
                Poll::Pending if self.framing != Framing::Events => return Poll::Pending,
                Poll::Pending => {
                    ready!(self.ends.silence(waker));
                    out.extend_from_slice(sse::COMMENT);
                }
                Poll::Ready(error) => self.over = Some(Err(error)),
            }
        }
        self.ends.silent = None;
        Poll::Ready(self.part(out))
    }

    /// The messages that are ready.
    fn gather(&mut self, waker: &mut Waker<'_>) -> Vec<u8> {
        let sink: SharedSink = self.batch.clone();
        let stream = &mut self.stream;
        let polled = self
            .bell
            .poll(waker.waker(), |waker| stream.poll_each(waker, &sink));
        let (out, framed) = lock(&self.batch).take();
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
    fn part(&mut self, mut out: Vec<u8>) -> Part {
        if !out.is_empty() && (self.framing == Framing::Grpc || self.over.is_none()) {
            return Part::Data(self.framing.dress(out));
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
            Some(trailers) => Part::Trailers(trailers),
            None => Part::Last(self.framing.dress(out)),
        }
    }
}

impl fmt::Debug for Messages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Messages")
            .field("method", &self.method.path)
            .finish_non_exhaustive()
    }
}

/// What ends a stream from outside. What waits is made by the first wait.
struct Ends {
    deadline: Option<Instant>,
    sleep: Option<Pin<Box<Sleep>>>,
    idle: Idle,
    cut: Cancelled,
    /// Since when nothing was sent, where that matters.
    silent: Option<Pin<Box<Sleep>>>,
}

impl Ends {
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
    fn poll(&mut self, waker: &mut Waker<'_>, path: &str) -> Poll<Error> {
        if Pin::new(&mut self.cut).poll(waker).is_ready() {
            return Poll::Ready(cut(path));
        }
        if let Some(deadline) = self.deadline {
            let sleep = self
                .sleep
                .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
            if unhurried(sleep.as_mut(), waker).is_ready() {
                return Poll::Ready(late(path));
            }
        }
        self.idle.poll(waker)
    }

    /// Waits until it is time for a sign of life.
    fn silence(&mut self, waker: &mut Waker<'_>) -> Poll<()> {
        let silent = self
            .silent
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(sse::KEEP_ALIVE)));
        silent.as_mut().poll(waker)
    }
}

fn late(path: &str) -> Error {
    Error::deadline_exceeded(format!("`{path}` was still sending at the deadline"))
}
