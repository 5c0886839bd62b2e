//! A call whose messages come in frames: reads the request, runs the method and returns the
//! response.
//!
//! gRPC, gRPC-Web and Connect's streams share this code. Each of them writes the response itself.

use std::pin::pin;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use http_body::Body as HttpBody;

use crate::failure::Failure;
use crate::request_stream::{self, BodyError, DecodeOptions, FrameReader, RequestStream};
use crate::state::{CallGuard, ConnectionState};
use crate::timeouts::IdleTimer;
use micro_core::context::Context;
use micro_core::handler::{self, Body, Call, PayloadStream, Route};
use micro_message::codec::Codec;
use micro_message::error::{Error, ErrorKind, Result};
use micro_wake::Held;

/// A call that the server is processing.
#[derive(Debug)]
pub(super) struct ServerCall<'a> {
    pub(super) connection: &'a ConnectionState,
    pub(super) route: &'a Route,
    pub(super) context: Context,
    pub(super) idle: IdleTimer,
    /// Counts the request until the handler has returned.
    held: OnceLock<Held>,
}

impl<'a> ServerCall<'a> {
    /// Creates the call of a route.
    pub(super) fn new(
        connection: &'a ConnectionState,
        route: &'a Route,
        context: Context,
        guard: &CallGuard,
    ) -> Self {
        let method = &route.method;
        let idle = (method.kind.streams_requests() || method.kind.streams_responses())
            .then_some(connection.server.limits.stream_idle_timeout);
        if let Some(record) = guard.record() {
            context.set_record(record);
        }
        Self {
            connection,
            route,
            // Set before the request is read, because the method's timeout covers that as well.
            context: route.limited(context.with_started(guard.started())),
            idle: IdleTimer::new(idle.flatten(), method),
            held: OnceLock::new(),
        }
    }

    /// Returns the maximum size of the method's request messages, in bytes.
    pub(super) fn limit(&self) -> usize {
        self.connection.server.limits.message_of(&self.route.method)
    }

    /// Returns how the method's requests are decoded.
    pub(super) fn decode(&self, codec: Codec) -> DecodeOptions {
        let limit = self.limit();
        DecodeOptions { codec, limit }
    }

    /// Runs a call whose request comes in frames, unless the server aborts it.
    pub(super) async fn framed<B>(
        &self,
        frames: FrameReader<B>,
        decode: DecodeOptions,
    ) -> Result<handler::Response, Failure>
    where
        B: HttpBody<Data = Bytes, Error: Into<BodyError>> + Send + Unpin + 'static,
    {
        self.ensure_not_aborted()?;
        let mut begun = false;
        let answered = tokio::select! {
            biased;
            answered = async {
                self.room().await?;
                let body = if self.route.method.kind.streams_requests() {
                    let record = self.context.record().cloned();
                    let requests = RequestStream::new(frames, decode, self.idle.clone(), record);
                    Body::Many(PayloadStream::from_source(requests))
                } else {
                    let (bytes, held) = self.in_time(frames.only()).await.map_err(unread)?;
                    self.hold(held);
                    Body::One(decode.payload(bytes))
                };
                begun = true;
                self.handle(body).await
            } => Some(answered),
            () = self.connection.cut.cancelled() => None,
        };
        answered.unwrap_or_else(|| Err(self.cut(begun)))
    }

    /// Runs a call whose request has been received, unless the server aborts it.
    pub(super) async fn run(&self, body: Body) -> Result<handler::Response, Failure> {
        self.ensure_not_aborted()?;
        tokio::select! {
            biased;
            answered = async {
                self.room().await?;
                self.handle(body).await
            } => answered,
            () = self.connection.cut.cancelled() => Err(self.cut(true)),
        }
    }

    /// Waits until the connection's send buffer has room.
    pub(super) async fn room(&self) -> Result<(), Failure> {
        if self.connection.buffers.send.has_room() {
            return Ok(());
        }
        let room = self.connection.buffers.room();
        let time = self.context.remaining().unwrap_or_default();
        let late = || {
            Error::deadline_exceeded(format!(
                "`{}` did not start within {time:.1?}: the client has not taken enough of the \
                 earlier responses on its connection (`limits.connection_send_buffer`)",
                self.route.method.path
            ))
        };
        self.context.limit(room, late).await.map_err(unread)
    }

    /// Keeps the reservation of the request.
    pub(super) fn hold(&self, held: Option<Held>) {
        if let Some(held) = held {
            // A call has one request.
            let _first = self.held.set(held);
        }
    }

    /// Waits for the request, at most until the deadline of the call.
    pub(super) async fn in_time<T>(&self, arriving: impl Future<Output = Result<T>>) -> Result<T> {
        let time = self.context.remaining();
        let late = || request_stream::late(&self.route.method.path, time);
        self.context.limit(arriving, late).await
    }

    /// Runs the method.
    async fn handle(&self, body: Body) -> Result<handler::Response, Failure> {
        let call = Call::new(self.context.clone(), Arc::clone(&self.route.method), body);
        let run = pin!(self.route.run(call));
        let outcome = self.connection.inline.run(self.route.index(), run).await;
        outcome.map_err(|error| Failure {
            metadata: self.context.take_response_metadata(),
            trailers: self.context.take_response_trailers(),
            ..error.into()
        })
    }

    /// Refuses a call that arrives after the server has aborted its calls.
    fn ensure_not_aborted(&self) -> Result<(), Failure> {
        if self.connection.server.is_aborted() {
            return Err(self.cut(false));
        }
        Ok(())
    }

    /// Returns the failure of an aborted call. `begun` is whether a handler has seen it.
    fn cut(&self, begun: bool) -> Failure {
        let error = cut(&self.route.method.path);
        if !begun {
            return Failure::not_handled(error);
        }
        Failure {
            metadata: self.context.take_response_metadata(),
            trailers: self.context.take_response_trailers(),
            ..error.into()
        }
    }
}

/// Returns the failure of a call whose request has not been read. The client may retry on another
/// node when the error is `Unavailable`, which means that this server alone has no room.
pub(super) fn unread(error: Error) -> Failure {
    if error.kind() == ErrorKind::Unavailable {
        return Failure::not_handled(error);
    }
    error.into()
}

/// The error of a call that a stopping server has aborted.
pub(super) fn cut(path: &str) -> Error {
    Error::unavailable(format!(
        "`{path}` was cut: the server has stopped; ask another"
    ))
}
