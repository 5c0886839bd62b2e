//! gRPC over HTTP/2, with streams of every kind; gRPC-Web over HTTP/1.1, too.
//!
//! Frames, messages and their limits are shared with other protocols and stand beside this folder.

pub(super) mod base64;
mod reply;
mod request;
mod status;
mod web;

pub(super) use self::status::trailers;
pub(super) use self::web::{TRAILERS, Web, serve as serve_web, text};

use std::convert::Infallible;
use std::sync::Arc;

use http::request::Parts;

use crate::calls::CallGuard;
use crate::exchange::Exchange;
use crate::failure::Failure;
use crate::incoming::Incoming;
use crate::peer::Peer;
use crate::reply::HttpReply;
use crate::requests::{DecodeOptions, Frames};
use crate::writer::Writer;
use micro_core::handler::Route;
use micro_message::codec::Codec;
use micro_wire::grpc::{ACCEPT_ENCODING, ENCODING};

/// Answers a call that came as gRPC.
pub(super) async fn serve(
    peer: Arc<Peer>,
    head: Parts,
    body: Incoming,
    codec: Codec,
) -> Result<HttpReply, Infallible> {
    let Some(route) = peer.shared.router.get(head.uri.path()) else {
        let error = peer.shared.router.unknown(head.uri.path());
        return Ok(reply::refuse(&error, codec));
    };
    let guard = CallGuard::new(Arc::clone(&peer), &route.method);
    Ok(match call(&peer, route, head, body, codec).await {
        Ok(reply) => reply.map(|body| body.during(guard)),
        Err(failure) => reply::refuse_with(&failure, codec),
    })
}

async fn call(
    peer: &Arc<Peer>,
    route: &Route,
    head: Parts,
    body: Incoming,
    codec: Codec,
) -> Result<HttpReply, Failure> {
    let headers = &head.headers;
    let exchange = Exchange::new(peer, route, request::context(headers, peer, "grpc")?);
    let decode = DecodeOptions {
        codec,
        limit: exchange.limit(),
    };
    let accepted = Some((headers, &ACCEPT_ENCODING));
    let writer = Writer::new(&peer.shared, &route.method, codec, accepted);
    let limits = &peer.shared.limits;
    let frames = Frames::new(body, decode.limit, limits, headers.get(ENCODING));
    drop(head);
    let answer = exchange.framed(frames, decode).await?;
    Ok(reply::reply(exchange, answer, writer)?)
}
