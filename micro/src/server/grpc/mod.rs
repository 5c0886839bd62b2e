//! gRPC over HTTP/2: unary calls and streams of every kind.
//!
//! Does not compress, and does not speak gRPC-Web.

mod frame;
mod reply;
mod request;
mod status;

pub(super) use self::frame::gone;
pub(super) use self::reply::{Messages, ok, refuse};
pub(super) use self::request::{codec, late, payload};

use std::sync::Arc;

use http::Request;
use hyper::body::Incoming;

use crate::codec::Codec;
use crate::error::Result;
use crate::handler::{Body, Call, Route};
use crate::server::calls::CallGuard;
use crate::server::grpc::frame::Frames;
use crate::server::grpc::request::Requests;
use crate::server::peer::Peer;
use crate::server::reply::HttpReply;

/// Answers a call that came as gRPC.
pub(super) async fn serve(peer: Arc<Peer>, request: Request<Incoming>, codec: Codec) -> HttpReply {
    let Some(route) = peer.shared.router.get(request.uri().path()) else {
        return refuse(&peer.shared.router.unknown(request.uri().path()));
    };
    let guard = CallGuard::new(Arc::clone(&peer), &route.method);
    match call(&peer, route, request, codec).await {
        Ok(reply) => reply.map(|body| body.during(guard)),
        Err(error) => refuse(&error),
    }
}

async fn call(
    peer: &Arc<Peer>,
    route: &Route,
    request: Request<Incoming>,
    codec: Codec,
) -> Result<HttpReply> {
    let (head, body) = request.into_parts();
    let limits = &peer.shared.limits;
    let context = request::context(&head.headers, peer)?;
    let frames = Frames::new(body, limits, request::encoding(&head.headers));
    let body = if route.method.kind.streams_requests() {
        Body::Many(Box::pin(Requests::new(frames, codec, limits.memory())))
    } else {
        let time = context.remaining();
        let late = || late(&route.method.path, time);
        let message = context.limit(request::one(frames), late).await?;
        Body::One(payload(message, codec, limits.memory()))
    };
    let call = Call::new(context.clone(), Arc::clone(&route.method), body);
    match route.run(call).await {
        Ok(answer) => reply::reply(answer, codec, &context, &route.method),
        Err(error) => Ok(reply::refuse_with(&error, &context.take_reply_metadata())),
    }
}
