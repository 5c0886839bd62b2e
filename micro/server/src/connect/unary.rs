//! Connect's unary calls: one message in, one out, by POST or, where that is harmless, by GET.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue, VARY};
use http::request::Parts;
use http::{Request, Response, StatusCode};

use crate::calls::CallGuard;
use crate::connect::query::{self, Refused};
use crate::connect::{body, context, error};
use crate::exchange::Exchange;
use crate::failure::Failure;
use crate::incoming::Incoming;
use crate::peer::Peer;
use crate::reply::{HttpReply, ReplyBody, plain};
use crate::requests::DecodeOptions;
use crate::writer::{Writer, guarded};
use micro_core::handler::{Body, Route};
use micro_message::codec::Codec;

/// Answers a call whose message is the body.
pub(crate) async fn serve_post(
    peer: &Arc<Peer>,
    route: &Route,
    request: Request<Incoming>,
    codec: Codec,
) -> HttpReply {
    let guard = CallGuard::new(Arc::clone(peer), &route.method);
    let answered = async {
        let (head, body) = request.into_parts();
        let exchange = Exchange::new(peer, route, context(&head.headers, peer, "connect")?);
        let bytes = body::request(&exchange, body::coding(&head.headers)?, body).await?;
        answer(exchange, &head.headers, codec, bytes).await
    };
    match answered.await {
        Ok(reply) => reply.map(|body| body.during(guard)),
        Err(failure) => error::refuse_with(&failure),
    }
}

/// Answers a call whose message is in the query.
pub(crate) async fn serve_get(peer: &Arc<Peer>, route: &Route, head: &Parts) -> HttpReply {
    let guard = CallGuard::new(Arc::clone(peer), &route.method);
    let limit = peer.shared.limits.message_of(&route.method);
    let asked = match query::read(head.uri.query().unwrap_or_default(), limit) {
        Ok(asked) => asked,
        Err(Refused::Request(error)) => return error::refuse(&error),
        Err(Refused::Codec(error)) => {
            let body = error::json(&error).to_string();
            return plain(StatusCode::UNSUPPORTED_MEDIA_TYPE, "application/json", body);
        }
    };
    let answered = async {
        let exchange = Exchange::new(peer, route, context(&head.headers, peer, "connect")?);
        answer(exchange, &head.headers, asked.codec, asked.message).await
    };
    match answered.await {
        Ok(reply) => reply.map(|body| body.during(guard)),
        Err(failure) => error::refuse_with(&failure),
    }
}

async fn answer(
    exchange: Exchange<'_>,
    headers: &HeaderMap,
    codec: Codec,
    message: Bytes,
) -> Result<HttpReply, Failure> {
    let method = &exchange.route.method;
    let accepted = Some((headers, &ACCEPT_ENCODING));
    let writer = Writer::new(&exchange.peer.shared, method, codec, accepted);
    let decode = DecodeOptions {
        codec,
        limit: exchange.limit(),
    };
    let reply = exchange.run(Body::One(decode.payload(message))).await?;
    let mut out = HeaderMap::new();
    out.insert(CONTENT_TYPE, content_type(codec));
    error::write(reply.metadata(), reply.trailers(), &mut out)?;
    let payload = reply.into_parts().1.into_one()?;
    let path = &method.path;
    let (bytes, compressed) = guarded(path, || writer.plain(payload.as_ref(), path))?;
    if let (true, Some(encoding)) = (compressed, writer.encoding()) {
        out.insert(CONTENT_ENCODING, encoding);
    }
    if writer.varies {
        out.append(VARY, ACCEPT_ENCODING.into());
    }
    let mut response = Response::new(ReplyBody::full(bytes));
    *response.headers_mut() = out;
    Ok(response)
}

fn content_type(codec: Codec) -> HeaderValue {
    HeaderValue::from_static(match codec {
        Codec::Protobuf => "application/proto",
        Codec::Json => "application/json",
    })
}
