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

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;
use hyper::body::Incoming;

use crate::codec::Codec;
use crate::context::Context;
use crate::error::Result;
use crate::handler::{Body, Call, PayloadStream, Route};
use crate::server::calls::CallGuard;
use crate::server::grpc::frame::Frames;
use crate::server::grpc::request::Requests;
use crate::server::peer::Peer;
use crate::server::reply::HttpReply;

/// Answers a call that came as gRPC.
pub(super) async fn serve(
    peer: Arc<Peer>,
    head: Parts,
    body: Incoming,
    codec: Codec,
) -> Result<HttpReply, Infallible> {
    let Some(route) = peer.shared.router.get(head.uri.path()) else {
        return Ok(refuse(&peer.shared.router.unknown(head.uri.path())));
    };
    let guard = CallGuard::new(Arc::clone(&peer), &route.method);
    let context = match request::context(&head.headers, &peer) {
        Ok(context) => context,
        Err(error) => return Ok(refuse(&error)),
    };
    let limits = &peer.shared.limits;
    let frames = Frames::new(body, limits, request::encoding(&head.headers));
    drop(head);
    let body = if route.method.kind.streams_requests() {
        Body::Many(PayloadStream::new(Requests::new(
            frames,
            codec,
            limits.memory(),
        )))
    } else {
        match one(frames, &context, route).await {
            Ok(message) => Body::One(payload(message, codec, limits.memory())),
            Err(error) => return Ok(refuse(&error)),
        }
    };
    let call = Call::new(context.clone(), Arc::clone(&route.method), body);
    let reply = match route.run(call).await {
        Ok(answer) => reply::reply(answer, codec, &context, &route.method),
        Err(error) => Ok(reply::refuse_with(&error, &context.take_reply_metadata())),
    };
    Ok(match reply {
        Ok(reply) => reply.map(|body| body.during(guard)),
        Err(error) => refuse(&error),
    })
}

/// The only message of a unary request, within the call's time.
async fn one(frames: Frames<Incoming>, context: &Context, route: &Route) -> Result<Bytes> {
    let time = context.remaining();
    let late = || late(&route.method.path, time);
    context.limit(request::one(frames), late).await
}
