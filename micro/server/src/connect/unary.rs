//! Connect's unary calls, by POST or, for idempotent methods, by GET.

use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue};
use http::request::Parts;
use http::{Request, StatusCode};

use crate::body::{HttpResponse, Incoming};
use crate::connect::context;
use crate::connect::query::{self, Rejection};
use crate::failure::Failure;
use crate::response_stream::{EncodeOptions, guarded};
use crate::server_call::ServerCall;
use crate::state::{CallGuard, ConnectionState};
use crate::{error_json, request_body};
use micro_core::handler::{Body, Route};
use micro_message::codec::Codec;

/// Serves a call whose message is the body.
pub(crate) async fn serve_post(
    connection: &ConnectionState,
    route: &Route,
    request: Request<Incoming>,
    codec: Codec,
) -> HttpResponse {
    let guard = connection.begin(&route.method, "connect");
    let answered = async {
        let (head, body) = request.into_parts();
        let body = body.counted_by(&guard);
        let exchange = begin(connection, route, &head, &guard)?;
        let coding = request_body::coding(&head.headers)?;
        let bytes = request_body::read(&exchange, coding, body).await?;
        answer(exchange, &head.headers, codec, bytes).await
    };
    match answered.await {
        Ok(reply) => reply.map(|body| body.during(guard)),
        Err(failure) => error_json::refuse_with(&guard.failed(failure)),
    }
}

/// Serves a call whose message is in the query.
pub(crate) async fn serve_get(
    connection: &ConnectionState,
    route: &Route,
    head: &Parts,
) -> HttpResponse {
    let guard = connection.begin(&route.method, "connect");
    let limit = connection.server.limits.message_of(&route.method);
    let asked = match query::read(head.uri.query().unwrap_or_default(), limit) {
        Ok(asked) => asked,
        Err(Rejection::Request(error)) => {
            return error_json::refuse_with(&guard.failed(error.into()));
        }
        Err(Rejection::Codec(error)) => {
            let Failure { error, .. } = guard.failed(error.into());
            return error_json::refuse_as(StatusCode::UNSUPPORTED_MEDIA_TYPE, &error);
        }
    };
    let answered = async {
        let exchange = begin(connection, route, head, &guard)?;
        answer(exchange, &head.headers, asked.codec, asked.message).await
    };
    match answered.await {
        Ok(reply) => reply.map(|body| body.during(guard)),
        Err(failure) => error_json::refuse_with(&guard.failed(failure)),
    }
}

fn begin<'a>(
    connection: &'a ConnectionState,
    route: &'a Route,
    head: &Parts,
    guard: &CallGuard,
) -> Result<ServerCall<'a>, Failure> {
    let context = context(connection, head, "connect")?;
    Ok(ServerCall::new(connection, route, context, guard))
}

async fn answer(
    exchange: ServerCall<'_>,
    headers: &HeaderMap,
    codec: Codec,
    message: Bytes,
) -> Result<HttpResponse, Failure> {
    let method = &exchange.route.method;
    let encode = EncodeOptions::new(&exchange.connection.server.compression, method, codec)
        .accepted_by(headers, &ACCEPT_ENCODING);
    request_body::ensure_json(codec, &message)?;
    let request = Body::One(exchange.decode(codec).payload(message));
    let reply = exchange.run(request).await?;
    let mut out = HeaderMap::new();
    out.insert(CONTENT_TYPE, content_type(codec));
    error_json::write_metadata(reply.metadata(), reply.trailers(), &mut out)?;
    let payload = reply.into_parts().1.into_one()?;
    let path = &method.path;
    let (bytes, compressed) = guarded(path, || encode.plain(payload.as_ref(), path))?;
    let bytes = exchange.connection.buffers.response(bytes)?;
    Ok(encode.respond(bytes, compressed, out))
}

fn content_type(codec: Codec) -> HeaderValue {
    HeaderValue::from_static(match codec {
        Codec::Protobuf => "application/proto",
        Codec::Json => "application/json",
    })
}
