//! Connect's streams: messages in frames, and a last frame of JSON that says how it ended.
//!
//! All four kinds of call but unary, over HTTP/2 and, as far as that can go, over HTTP/1.1: a
//! caller that reads nothing before it has sent all needs replies that fit the buffers between.

use std::sync::Arc;

use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use http::{Request, Response};

use crate::calls::CallGuard;
use crate::connect::context;
use crate::exchange::Exchange;
use crate::failure::Failure;
use crate::headers;
use crate::incoming::Incoming;
use crate::messages::{self, Framing};
use crate::peer::Peer;
use crate::reply::{HttpReply, ReplyBody};
use crate::requests::{DecodeOptions, Frames};
use crate::writer::Writer;
use micro_core::handler::Route;
use micro_message::codec::Codec;
use micro_wire::Compression;

const ENCODING: HeaderName = HeaderName::from_static("connect-content-encoding");
const ACCEPTED: HeaderName = HeaderName::from_static("connect-accept-encoding");

/// Answers a call whose messages come in frames.
pub(crate) async fn serve(
    peer: &Arc<Peer>,
    route: &Route,
    request: Request<Incoming>,
    codec: Codec,
) -> HttpReply {
    let guard = CallGuard::new(Arc::clone(peer), &route.method);
    match call(peer, route, request, codec).await {
        Ok(reply) => reply.map(|body| body.during(guard)),
        Err(failure) => refuse(&failure, codec),
    }
}

async fn call(
    peer: &Arc<Peer>,
    route: &Route,
    request: Request<Incoming>,
    codec: Codec,
) -> Result<HttpReply, Failure> {
    let (head, body) = request.into_parts();
    let exchange = Exchange::new(peer, route, context(&head.headers, peer, "connect")?);
    let accepted = Some((&head.headers, &ACCEPTED));
    let writer = Writer::new(&peer.shared, &route.method, codec, accepted);
    let decode = DecodeOptions {
        codec,
        limit: exchange.limit(),
    };
    let encoding = head.headers.get(ENCODING);
    let frames = Frames::new(body, decode.limit, &peer.shared.limits, encoding);
    drop(head.extensions);
    let answer = exchange.framed(frames, decode).await?;
    let mut out = start(codec);
    if let Some(encoding) = writer.encoding() {
        out.insert(ENCODING, encoding);
    }
    headers::write(answer.metadata(), &mut out)?;
    let body = messages::body(exchange, answer, writer, Framing::Connect)?;
    let mut response = Response::new(body);
    *response.headers_mut() = out;
    Ok(response)
}

/// The response to a call that fails before its first message: the last frame alone.
fn refuse(failure: &Failure, codec: Codec) -> HttpReply {
    let mut out = Vec::new();
    Framing::Connect.end(Err(&failure.error), &failure.trailers, &mut out);
    let mut response = Response::new(ReplyBody::full(out));
    *response.headers_mut() = start(codec);
    if let Err(error) = headers::write(&failure.metadata, response.headers_mut()) {
        tracing::warn!(%error, "metadata of a failed call left out");
    }
    response
}

fn start(codec: Codec) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(4);
    let content_type = match codec {
        Codec::Protobuf => "application/connect+proto",
        Codec::Json => "application/connect+json",
    };
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(ACCEPTED, HeaderValue::from_static(Compression::accepted()));
    headers
}
