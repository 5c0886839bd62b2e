//! One multiplexed connection to a node: gRPC over HTTP/2 without TLS.
//!
//! Reports exactly how far each request got: not sent, not processed, refused, lost or answered.
//! Does not pick nodes and does not retry calls.

mod connect;
mod driver;
mod frames;
pub mod fuzz;
mod incoming;
mod observed_io;
mod request_head;
mod request_pump;
mod response;
mod room;
mod status;
mod stream_limiter;

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Waker};

use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use h2::{Reason, RecvStream, SendStream};
use http::Request;
use http::uri::Authority;
use micro_wake::sync::Mutex;
use tokio::sync::SemaphorePermit;

use self::driver::ConnectionDriver;
use self::frames::{MessageReader, answered, nonsense};
use self::observed_io::IoProgress;
use self::response::codec;
use self::room::Room;
use self::stream_limiter::{AcquireError, StreamLimiter};
use crate::failure::{Failure, Progress};
use micro_core::handler::{Body, Payload, Response};
use micro_message::error::{Error, ErrorKind};
use micro_message::metadata::Metadata;
use micro_wake::{ByteBudget, SharedFuture};
use micro_wire::headers;

pub(super) use self::connect::connect;
pub(super) use self::driver::{Driver, End};
pub(super) use self::frames::Framing;
pub(super) use self::incoming::{IncomingResponses, NextItem};
pub(super) use self::request_head::RequestHead;
pub(super) use self::request_pump::RequestPump;
pub(super) use self::response::ResponseLimits;
pub(super) use self::stream_limiter::StreamPermit;

/// Number of concurrent calls from which only the driver's task moves the frames, in batches.
const BATCH_THRESHOLD: usize = 8;

/// An open connection. Dropping its last `Arc` closes it gracefully.
pub(super) struct Connection {
    /// Opens streams; locked only while a stream is opened.
    sender: Mutex<SendRequest<Bytes>>,
    shared: Arc<Shared>,
    /// Drives the connection.
    moving: Arc<SharedFuture<ConnectionDriver>>,
    authority: Authority,
    /// Budget for messages that its calls have received in part.
    receive: Arc<ByteBudget>,
}

/// State that a connection shares with its driver.
#[derive(Debug)]
struct Shared {
    limiter: StreamLimiter,
    seen: Arc<IoProgress>,
    /// Set by calls that got no response; the driver then sends a ping.
    suspect: AtomicBool,
    /// Why the connection ended; set by the driver.
    end: OnceLock<String>,
}

impl Shared {
    /// Whether so many calls run that it is faster to move their frames in batches.
    fn moves_in_batches(&self) -> bool {
        self.limiter.running() >= BATCH_THRESHOLD
    }
}

impl Connection {
    /// Waits for a free stream.
    pub(super) async fn acquire(&self) -> Result<SemaphorePermit<'_>, Failure> {
        self.shared
            .limiter
            .acquire()
            .await
            .map_err(|shut| match shut {
                AcquireError::Closed => Failure::unsent(format!("the connection {}", self.end())),
                AcquireError::Full(most) => Failure::new(
                    Progress::Unsent,
                    Error::resource_exhausted(format!(
                        "{most} calls wait for a free stream already (`max_queued_calls`)"
                    )),
                ),
            })
    }

    /// Reserves a free stream until the permit is dropped, if there is a free stream now.
    pub(super) fn try_acquire_owned(self: &Arc<Self>) -> Option<StreamPermit> {
        let permit = self.shared.limiter.try_acquire()?;
        Some(StreamPermit::new(Arc::clone(self), permit))
    }

    /// Whether streaming calls leave no stream free for other calls.
    pub(super) fn is_saturated(&self) -> bool {
        self.shared.limiter.is_saturated()
    }

    /// Waits for a free stream and reserves it until the permit is dropped.
    pub(super) async fn acquire_owned(self: &Arc<Self>) -> Result<StreamPermit, Failure> {
        let permit = self.acquire().await?;
        Ok(StreamPermit::new(Arc::clone(self), permit))
    }

    /// Whether the connection has ended, so that it accepts no more calls.
    pub(super) fn is_over(&self) -> bool {
        self.shared.end.get().is_some()
    }

    /// Reports that a call got no response, so that the driver checks whether the peer is alive.
    ///
    /// Dropping the call's stream wakes the driver, which then sends a ping.
    pub(super) fn suspect(&self) {
        self.shared.suspect.store(true, Ordering::Relaxed);
    }

    /// Runs a closure that may give the connection frames to send, or capacity to receive. Then
    /// moves the frames in the same poll, unless the driver's task moves them in batches. The
    /// closure must not take long.
    pub(super) fn moving<T>(&self, first: impl FnOnce() -> T) -> T {
        if self.shared.moves_in_batches() {
            first()
        } else {
            self.moving.run_then_poll(first)
        }
    }

    pub(super) fn authority(&self) -> &Authority {
        &self.authority
    }

    /// Sends a complete unary request.
    pub(super) fn send(&self, head: Request<()>, frame: Bytes) -> Result<ResponseFuture, Failure> {
        let (response, stream) = self.begin(head)?;
        finish(stream, frame);
        Ok(response)
    }

    /// Sends the head of a request.
    pub(super) fn begin(
        &self,
        head: Request<()>,
    ) -> Result<(ResponseFuture, SendStream<Bytes>), Failure> {
        let mut sender = self.sender.lock();
        let mut nobody = Context::from_waker(Waker::noop());
        if sender.poll_ready(&mut nobody).is_pending() {
            // h2 has not quite freed the stream of a cancelled call, so this call has to wait for
            // it. A new clone of the handle is allowed to queue the call.
            *sender = sender.clone();
        }
        let opened = sender.send_request(head, false);
        drop(sender);
        opened.map_err(|error| {
            Failure::unsent(format!("the connection takes no more calls: {error}"))
        })
    }

    /// Waits for the response to a request and reads it.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future cancels the call at the peer.
    pub(super) async fn receive(
        &self,
        mut response: ResponseFuture,
        limits: ResponseLimits,
    ) -> Result<Response, Failure> {
        let (head, mut body) = match (&mut response).await {
            Ok(response) => response.into_parts(),
            Err(error) => return Err(self.broken(&error, response.stream_id().as_u32())),
        };
        let only = body
            .is_end_stream()
            .then(|| status::status(&head.headers))
            .flatten();
        if let Some(Err(failure)) = only {
            return Err(failure);
        }
        let codec = codec(head.status, &head.headers, limits.codec)?;
        let frames = MessageReader::new(&head.headers, limits.message);
        let (message, is_cut) = self.message(&mut body, frames).await?;
        let trailers = match body.trailers().await {
            Ok(trailers) => trailers.unwrap_or_default(),
            Err(error) => return Err(self.broken(&error, body.stream_id().as_u32())),
        };
        match status::status(&trailers).or(only) {
            // The status explains the failure better than the cut-off message does.
            Some(Err(mut failure)) => {
                let mut metadata = Metadata::new();
                headers::read(&head.headers, &mut metadata);
                metadata.extend(failure.error.metadata().clone());
                failure.error = failure.error.with_metadata(metadata);
                return Err(failure);
            }
            _ if is_cut => return Err(nonsense("the reply's message is cut off")),
            Some(Ok(())) => {}
            None => return Err(nonsense("the reply ended without a status")),
        }
        let Some(bytes) = message else {
            return Err(answered(
                ErrorKind::Unimplemented,
                "the reply has a status but no message",
            ));
        };
        let mut reply = Response::from_body(Body::One(Payload::Encoded {
            codec,
            bytes,
            memory: limits.memory,
        }));
        headers::read(&head.headers, reply.metadata_mut());
        headers::read(&trailers, reply.trailers_mut());
        Ok(reply)
    }

    /// Reads the message of a body; `None` if there is none. Also returns whether a partial message
    /// is left.
    async fn message(
        &self,
        body: &mut RecvStream,
        mut frames: MessageReader,
    ) -> Result<(Option<Bytes>, bool), Failure> {
        let (mut found, mut room) = (None, Room::new(&self.receive));
        while let Some(chunk) = body.data().await {
            let chunk = match chunk {
                Ok(chunk) => chunk,
                Err(error) => return Err(self.broken(&error, body.stream_id().as_u32())),
            };
            let length = chunk.len();
            frames.push(chunk);
            while let Some(message) = frames.next()? {
                if found.replace(message).is_some() {
                    return Err(answered(
                        ErrorKind::Unimplemented,
                        "the reply has more than one message",
                    ));
                }
            }
            room.reserve(&frames).await?;
            if let Err(error) = body.flow_control().release_capacity(length) {
                return Err(self.broken(&error, body.stream_id().as_u32()));
            }
        }
        Ok((found, !frames.is_between()))
    }

    /// Converts the error of a stream to the failure of its request.
    fn broken(&self, error: &h2::Error, stream: u32) -> Failure {
        self.what(error, stream, "no reply")
    }

    /// Converts the error of a stream of responses that had already begun.
    fn cut(&self, error: &h2::Error, stream: u32) -> Failure {
        self.what(error, stream, "the stream was cut off")
    }

    fn what(&self, error: &h2::Error, stream: u32, what: &str) -> Failure {
        if error.is_reset() && error.is_remote() {
            let reason = error.reason().unwrap_or(Reason::NO_ERROR);
            let reach = match reason {
                Reason::REFUSED_STREAM => Progress::Refused,
                _ => Progress::Lost,
            };
            let text = format!("the peer reset the stream: {}", reason.description());
            return Failure::new(reach, Error::new(kind(reason), text));
        }
        if error.is_go_away() && error.is_remote() {
            let text = "the peer closed the connection before it began with the call";
            return Failure::new(Progress::Unprocessed, Error::unavailable(text));
        }
        if error.is_io() && !self.shared.seen.has_left(stream) {
            return Failure::unsent(format!("the connection {}", self.end()));
        }
        let text = if error.is_io() || error.is_go_away() {
            format!("{what}, the connection {}", self.end())
        } else {
            format!("the peer broke the protocol: {error}")
        };
        Failure::new(Progress::Lost, Error::unavailable(text))
    }

    fn end(&self) -> &str {
        self.shared.end.get().map_or("was lost", |end| end)
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("authority", &self.authority)
            .field("end", &self.shared.end.get())
            .finish_non_exhaustive()
    }
}

/// Sends the rest of a request after its head.
pub(super) fn finish(mut stream: SendStream<Bytes>, frame: Bytes) {
    if let Err(error) = stream.send_data(frame, true) {
        // The peer has already ended the stream, and its response contains the reason.
        tracing::debug!(%error, "a request was not sent to its end");
    }
}

/// Returns the error kind that gRPC assigns to a reset.
fn kind(reason: Reason) -> ErrorKind {
    match reason {
        Reason::REFUSED_STREAM => ErrorKind::Unavailable,
        Reason::CANCEL => ErrorKind::Cancelled,
        Reason::ENHANCE_YOUR_CALM => ErrorKind::ResourceExhausted,
        Reason::INADEQUATE_SECURITY => ErrorKind::PermissionDenied,
        _ => ErrorKind::Internal,
    }
}
