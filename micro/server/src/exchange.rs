//! A call whose messages come in frames: reads the request, runs the method, hands the reply back.
//!
//! gRPC, gRPC-Web and Connect's streams have it in common; how a reply is written is theirs.

use std::sync::Arc;

use bytes::Bytes;
use http_body::Body as HttpBody;

use crate::idle::Idle;
use crate::peer::Peer;
use crate::requests::{self, BodyError, DecodeOptions, Frames, Requests};
use micro_core::context::Context;
use micro_core::handler::{Body, Call, PayloadStream, Reply, Route};
use micro_message::error::{Error, Result};
use micro_message::metadata::Metadata;

/// A call on its way through the server.
#[derive(Debug)]
pub(super) struct Exchange<'a> {
    pub(super) peer: &'a Arc<Peer>,
    pub(super) route: &'a Route,
    pub(super) context: Context,
    pub(super) idle: Idle,
}

/// A call that failed before its reply began.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) error: Error,
    /// What the handler had set before.
    pub(super) metadata: Metadata,
    pub(super) trailers: Metadata,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self {
            error,
            metadata: Metadata::new(),
            trailers: Metadata::new(),
        }
    }
}

impl<'a> Exchange<'a> {
    /// A call of a route; the method's own timeout holds where the caller sets none.
    pub(super) fn new(peer: &'a Arc<Peer>, route: &'a Route, mut context: Context) -> Self {
        let method = &route.method;
        if let (None, Some(timeout)) = (context.deadline(), method.timeout) {
            context = context.with_timeout(timeout);
        }
        let idle = (method.kind.streams_requests() || method.kind.streams_replies())
            .then_some(peer.shared.limits.stream_idle_timeout);
        Self {
            peer,
            route,
            context,
            idle: Idle::new(idle.flatten(), method),
        }
    }

    /// The longest message of the method.
    pub(super) fn limit(&self) -> usize {
        self.peer.shared.limits.message_of(&self.route.method)
    }

    /// Answers a request that comes in frames.
    pub(super) async fn framed<B>(
        &self,
        frames: Frames<B>,
        decode: DecodeOptions,
    ) -> Result<Reply, Failure>
    where
        B: HttpBody<Data = Bytes, Error: Into<BodyError>> + Send + Unpin + 'static,
    {
        let body = if self.route.method.kind.streams_requests() {
            let requests = Requests::new(frames, decode, self.idle.clone());
            Body::Many(PayloadStream::from_source(requests))
        } else {
            let bytes = self.in_time(frames.only()).await?;
            Body::One(decode.payload(bytes))
        };
        self.run(body).await
    }

    /// Waits for a request, at most as long as the call may take.
    pub(super) async fn in_time<T>(&self, arriving: impl Future<Output = Result<T>>) -> Result<T> {
        let time = self.context.remaining();
        let late = || requests::late(&self.route.method.path, time);
        self.context.limit(arriving, late).await
    }

    /// Runs the method, at most until the server cuts what is left at the end of its drain.
    pub(super) async fn run(&self, body: Body) -> Result<Reply, Failure> {
        let method = &self.route.method;
        let call = Call::new(self.context.clone(), Arc::clone(method), body);
        let reply = tokio::select! {
            biased;
            reply = self.route.run(call) => reply,
            () = self.peer.cut.cancelled() => Err(cut(&method.path)),
        };
        reply.map_err(|error| Failure {
            error,
            metadata: self.context.take_reply_metadata(),
            trailers: self.context.take_reply_trailers(),
        })
    }
}

/// The error for a call that a stopping server no longer waits for.
pub(super) fn cut(path: &str) -> Error {
    Error::unavailable(format!(
        "`{path}` was cut: the server has stopped; ask another"
    ))
}
