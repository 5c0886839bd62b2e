//! gRPC over HTTP/2 with all kinds of streams, and gRPC-Web also over HTTP/1.1.
//!
//! Handles a call from its headers to its response. Frames, messages and their limits are shared
//! with other protocols, in the modules beside this folder. The wire format is in
//! `micro_wire::grpc`.

pub(super) mod base64;
pub(super) mod web;

use std::convert::Infallible;
use std::sync::Arc;

use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use http::request::Parts;
use http::{Request, Response};

use crate::body::{HttpResponse, Incoming, ResponseBody};
use crate::call_context;
use crate::failure::Failure;
use crate::request_stream::FrameReader;
use crate::response_stream::{self, EncodeOptions, Framing};
use crate::server_call::ServerCall;
use crate::state::{CallGuard, ConnectionState};
use micro_core::context::Context;
use micro_core::handler::{self, Route};
use micro_message::codec::Codec;
use micro_message::error::{Error, ErrorKind, Result};
use micro_message::metadata::Metadata;
use micro_wire::Compression;
use micro_wire::grpc::{ACCEPT_ENCODING, ENCODING, NOT_HANDLED, content_type, status, timeout};
use micro_wire::headers;

/// Serves a gRPC call.
pub(super) async fn serve(
    connection: Arc<ConnectionState>,
    head: Parts,
    body: Incoming,
    codec: Codec,
) -> Result<HttpResponse, Infallible> {
    let router = &connection.server.router;
    let mounts = &connection.server.mounts;
    let path = head.uri.path();
    let found = match mounts.at(path) {
        Some(mounted) if router.get(path).is_none() => Err(mounted),
        _ => match (router.resolve(path), mounts.fallback_service()) {
            (Ok(route), _) => Ok(route),
            (Err(_), Some(fallback)) => Err(fallback),
            (Err(error), None) => return Ok(refuse(&error, codec)),
        },
    };
    let route = match found {
        Ok(route) => route,
        Err(mounted) => {
            let request = Request::from_parts(head, body);
            return Ok(mounted.serve(&connection, request).await);
        }
    };
    let guard = connection.begin(&route.method, "grpc");
    let body = body.counted_by(&guard);
    Ok(
        match call(&connection, route, (head, body), codec, &guard).await {
            Ok(reply) => reply.map(|body| body.during(guard)),
            Err(failure) => refuse_with(&guard.failed(failure), codec),
        },
    )
}

async fn call(
    connection: &ConnectionState,
    route: &Route,
    (head, body): (Parts, Incoming),
    codec: Codec,
    guard: &CallGuard,
) -> Result<HttpResponse, Failure> {
    let (headers, server) = (&head.headers, &*connection.server);
    let context = context(connection, &head, "grpc")?;
    let exchange = ServerCall::new(connection, route, context, guard);
    let decode = exchange.decode(codec);
    let encode = EncodeOptions::new(&server.compression, &route.method, codec)
        .accepted_by(headers, &ACCEPT_ENCODING);
    let frames = FrameReader::new(
        body,
        decode.limit,
        &connection.buffers,
        headers.get(ENCODING),
    );
    drop(head);
    let reply = exchange.framed(frames, decode).await?;
    Ok(respond(exchange, reply, encode)?)
}

/// Creates the context of a call: deadline, metadata and caller.
fn context(connection: &ConnectionState, head: &Parts, protocol: &'static str) -> Result<Context> {
    let context = call_context::of_request(connection, head, protocol)?;
    match head.headers.get(timeout::TIMEOUT) {
        None => Ok(context),
        Some(value) => timeout::read(value).map(|timeout| context.with_timeout(timeout)),
    }
}

/// Returns the response to a call whose handler has run.
fn respond(
    exchange: ServerCall<'_>,
    reply: handler::Response,
    encode: EncodeOptions,
) -> Result<HttpResponse> {
    let metadata = reply.metadata();
    let compressed = Compression::ALL.iter().any(|way| way.is_compiled());
    let room = if compressed { 3 } else { 1 };
    let mut headers = HeaderMap::with_capacity(room + metadata.len());
    headers.insert(CONTENT_TYPE, content_type(encode.codec));
    if let Some(encoding) = encode.encoding() {
        headers.insert(ENCODING, encoding);
    }
    // A client compresses nothing unless the server announces support, so the header is not needed
    // if no algorithm is compiled in.
    if compressed {
        headers.insert(ACCEPT_ENCODING, accepted());
    }
    headers::write(metadata, &mut headers)?;
    Ok(response_stream::body(exchange, reply, encode, GrpcFraming)?.with_headers(headers))
}

/// Returns the response to a call that failed before its first message: only headers.
pub(super) fn refuse(error: &Error, codec: Codec) -> HttpResponse {
    let mut response = Response::new(ResponseBody::empty());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, content_type(codec));
    status::write(error, headers);
    if error.kind() == ErrorKind::Unimplemented {
        headers.insert(ACCEPT_ENCODING, accepted());
    }
    response
}

/// Like [`refuse`], with the metadata that the handler has set, or a header that no handler has
/// run.
fn refuse_with(failure: &Failure, codec: Codec) -> HttpResponse {
    let mut response = refuse(&failure.error, codec);
    if failure.not_handled {
        let yes = HeaderValue::from_static("1");
        response.headers_mut().insert(NOT_HANDLED, yes);
    }
    for metadata in [&failure.metadata, &failure.trailers] {
        headers::write_or_warn(metadata, response.headers_mut());
    }
    response
}

/// Returns the compressions that this server accepts.
fn accepted() -> HeaderValue {
    HeaderValue::from_static(Compression::accepted())
}

/// Writes messages in frames, and the status in HTTP trailers.
#[derive(Debug, Clone, Copy)]
struct GrpcFraming;

impl Framing for GrpcFraming {
    const ENDS_IN_TRAILERS: bool = true;

    fn end(
        self,
        outcome: Result<(), &Error>,
        metadata: &Metadata,
        _: &mut Vec<u8>,
    ) -> Option<HeaderMap> {
        Some(trailers(outcome, metadata))
    }
}

/// Returns the trailers of a call: its status and the trailing metadata of its response.
fn trailers(outcome: Result<(), &Error>, metadata: &Metadata) -> HeaderMap {
    let room = if outcome.is_ok() { 1 } else { 3 };
    let mut trailers = HeaderMap::with_capacity(room + metadata.len());
    match outcome {
        Ok(()) => status::write_ok(&mut trailers),
        Err(error) => status::write(error, &mut trailers),
    }
    headers::write_or_warn(metadata, &mut trailers);
    trailers
}
