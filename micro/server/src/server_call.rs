//! A call whose messages come in frames: reads the request, runs the method, hands the reply back.
//!
//! gRPC, gRPC-Web and Connect's streams have it in common; how a reply is written is theirs.

use std::sync::Arc;

use bytes::Bytes;
use http_body::Body as HttpBody;

use crate::failure::Failure;
use crate::request_stream::{self, BodyError, DecodeOptions, FrameReader, RequestStream};
use crate::state::ConnectionState;
use crate::timeouts::IdleTimer;
use micro_core::context::Context;
use micro_core::handler::{self, Body, Call, PayloadStream, Route};
use micro_message::codec::Codec;
use micro_message::error::{Error, ErrorKind, Result};

/// A call on its way through the server.
#[derive(Debug)]
pub(super) struct ServerCall<'a> {
    pub(super) connection: &'a ConnectionState,
    pub(super) route: &'a Route,
    pub(super) context: Context,
    pub(super) idle: IdleTimer,
}

impl<'a> ServerCall<'a> {
    /// A call of a route.
    pub(super) fn new(connection: &'a ConnectionState, route: &'a Route, context: Context) -> Self {
        let method = &route.method;
        let idle = (method.kind.streams_requests() || method.kind.streams_responses())
            .then_some(connection.server.limits.stream_idle_timeout);
        Self {
            connection,
            route,
            // Before the request is there: the method's timeout is for that, too.
            context: route.limited(context),
            idle: IdleTimer::new(idle.flatten(), method),
        }
    }

    /// The longest message of the method.
    pub(super) fn limit(&self) -> usize {
        self.connection.server.limits.message_of(&self.route.method)
    }

    /// How its requests are decoded.
    pub(super) fn decode(&self, codec: Codec) -> DecodeOptions {
        let limit = self.limit();
        DecodeOptions { codec, limit }
    }

    /// Answers a request that comes in frames, unless the server cuts it before.
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
                    let requests = RequestStream::new(frames, decode, self.idle.clone());
                    Body::Many(PayloadStream::from_source(requests))
                } else {
                    let bytes = self.in_time(frames.only()).await.map_err(unread)?;
                    Body::One(decode.payload(bytes))
                };
                begun = true;
                self.handle(body).await
            } => Some(answered),
            () = self.connection.cut.cancelled() => None,
        };
        answered.unwrap_or_else(|| Err(self.cut(begun)))
    }

    /// Answers a request that has arrived, unless the server cuts it before.
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

    /// Waits until the caller may be sent more.
    pub(super) async fn room(&self) -> Result<(), Failure> {
        if self.connection.buffers.send.has_room() {
            return Ok(());
        }
        let room = self.connection.buffers.room();
        self.in_time(room).await.map_err(unread)
    }

    /// Waits for a request, at most as long as the call may take.
    pub(super) async fn in_time<T>(&self, arriving: impl Future<Output = Result<T>>) -> Result<T> {
        let time = self.context.remaining();
        let late = || request_stream::late(&self.route.method.path, time);
        self.context.limit(arriving, late).await
    }

    /// Runs the method.
    async fn handle(&self, body: Body) -> Result<handler::Response, Failure> {
        let call = Call::new(self.context.clone(), Arc::clone(&self.route.method), body);
        self.route.run(call).await.map_err(|error| Failure {
            metadata: self.context.take_response_metadata(),
            trailers: self.context.take_response_trailers(),
            ..error.into()
        })
    }

    /// Refuses a call that comes when the server has cut those that ran.
    fn ensure_not_aborted(&self) -> Result<(), Failure> {
        if self.connection.server.is_aborted() {
            return Err(self.cut(false));
        }
        Ok(())
    }

    /// What a call comes to that is cut. A handler has seen it if it has `begun`.
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

/// What a call comes to whose request has not been read. What this server alone has no room for
/// may go to another one.
pub(super) fn unread(error: Error) -> Failure {
    if error.kind() == ErrorKind::Unavailable {
        return Failure::not_handled(error);
    }
    error.into()
}

/// The error for a call that a stopping server no longer waits for.
pub(super) fn cut(path: &str) -> Error {
    Error::unavailable(format!(
        "`{path}` was cut: the server has stopped; ask another"
    ))
}
