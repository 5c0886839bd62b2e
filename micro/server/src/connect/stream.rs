//! Connect's streams: messages in frames, and a last frame of JSON with the outcome.
//!
//! Supports all kinds of calls but unary ones, over HTTP/2 and with a restriction over HTTP/1.1: if
//! the client reads nothing until it has sent its whole request, the responses must fit the buffers
//! in between.

use http::Request;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};

use crate::body::{HttpResponse, Incoming, ResponseBody};
use crate::connect::context;
use crate::error_json;
use crate::failure::Failure;
use crate::request_stream::FrameReader;
use crate::response_stream::{self, EncodeOptions, Framing};
use crate::server_call::ServerCall;
use crate::state::{CallGuard, ConnectionState};
use micro_core::handler::Route;
use micro_message::codec::Codec;
use micro_message::error::{Error, Result};
use micro_message::metadata::Metadata;
use micro_wire::Compression;
use micro_wire::grpc::frame;
use micro_wire::headers;

const ENCODING: HeaderName = HeaderName::from_static("connect-content-encoding");
const ACCEPTED: HeaderName = HeaderName::from_static("connect-accept-encoding");

/// Flag of the last frame.
const END_STREAM: u8 = 2;

/// Writes messages in frames, and the end as a frame of JSON.
#[derive(Debug, Clone, Copy)]
struct ConnectFraming;

impl Framing for ConnectFraming {
    fn end(
        self,
        outcome: Result<(), &Error>,
        metadata: &Metadata,
        out: &mut Vec<u8>,
    ) -> Option<HeaderMap> {
        let end = error_json::end(outcome, metadata).to_string();
        frame::write(END_STREAM, end.as_bytes(), out);
        None
    }
}

/// Serves a call whose messages come in frames.
pub(crate) async fn serve(
    connection: &ConnectionState,
    route: &Route,
    request: Request<Incoming>,
    codec: Codec,
) -> HttpResponse {
    let guard = connection.begin(&route.method, "connect");
    let request = request.map(|body| body.counted_by(&guard));
    match call(connection, route, request, codec, &guard).await {
        Ok(reply) => reply.map(|body| body.during(guard)),
        Err(failure) => refuse(&guard.failed(failure), codec),
    }
}

async fn call(
    connection: &ConnectionState,
    route: &Route,
    request: Request<Incoming>,
    codec: Codec,
    guard: &CallGuard,
) -> Result<HttpResponse, Failure> {
    let (head, body) = request.into_parts();
    let (headers, server) = (&head.headers, &connection.server);
    let context = context(connection, &head, "connect")?;
    let exchange = ServerCall::new(connection, route, context, guard);
    let encode = EncodeOptions::new(&server.compression, &route.method, codec)
        .accepted_by(headers, &ACCEPTED);
    let decode = exchange.decode(codec);
    let frames = FrameReader::new(
        body,
        decode.limit,
        &connection.buffers,
        headers.get(ENCODING),
    );
    drop(head.extensions);
    let reply = exchange.framed(frames, decode).await?;
    let mut out = start(codec);
    if let Some(encoding) = encode.encoding() {
        out.insert(ENCODING, encoding);
    }
    headers::write(reply.metadata(), &mut out)?;
    Ok(response_stream::body(exchange, reply, encode, ConnectFraming)?.with_headers(out))
}

/// Returns the response to a call that failed before its first message: only the last frame.
fn refuse(failure: &Failure, codec: Codec) -> HttpResponse {
    let mut out = Vec::new();
    ConnectFraming.end(Err(&failure.error), &failure.trailers, &mut out);
    let mut response = ResponseBody::full(out).with_headers(start(codec));
    headers::write_or_warn(&failure.metadata, response.headers_mut());
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
