//! gRPC-Web: gRPC for browsers, which cannot read HTTP trailers. Binary or base64, also over
//! HTTP/1.1.
//!
//! All kinds of streams are supported. A browser itself cannot send a stream, and over HTTP/1.1 the
//! responses follow after the requests.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::Request;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use http::request::Parts;
use http_body::Body;

use crate::body::{HttpResponse, Incoming, ResponseBody};
use crate::failure::Failure;
use crate::grpc::base64::Decoded;
use crate::grpc::{context, trailers};
use crate::request_stream::{BodyError, FrameReader};
use crate::response_stream::{self, EncodeOptions, Framing};
use crate::server_call::ServerCall;
use crate::state::{CallGuard, ConnectionState};
use micro_core::handler::Route;
use micro_message::codec::Codec;
use micro_message::error::{Error, Result};
use micro_message::metadata::Metadata;
use micro_wire::Compression;
use micro_wire::grpc::{ACCEPT_ENCODING, ENCODING, after, frame, subtype};
use micro_wire::headers;

/// Flag of the last frame, which contains the trailers.
const TRAILERS: u8 = 0x80;

/// The formats of a gRPC-Web call, by its content types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WebFormat {
    codec: Codec,
    /// Whether the request is base64 text rather than binary.
    text: bool,
    /// Whether the response is base64 text.
    text_reply: bool,
}

impl WebFormat {
    /// Returns the formats of a request; `None` when it is not gRPC-Web.
    pub(crate) fn read(headers: &HeaderMap) -> Option<Self> {
        let content_type = headers.get(CONTENT_TYPE)?.as_bytes();
        let (text, codec) = Self::kind(content_type)?;
        let accept = headers.get(http::header::ACCEPT);
        let wanted = accept.and_then(|accept| Self::kind(accept.as_bytes()));
        Some(Self {
            codec,
            text,
            text_reply: wanted.map_or(text, |(text, _)| text),
        })
    }

    fn kind(content_type: &[u8]) -> Option<(bool, Codec)> {
        let rest = after(content_type, b"application/grpc-web")?;
        match after(rest, b"-text") {
            Some(rest) => Some((true, subtype(rest)?)),
            None => Some((false, subtype(rest)?)),
        }
    }

    fn framing(self) -> WebFraming {
        let text = self.text_reply;
        WebFraming { text }
    }

    fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match (self.codec, self.text_reply) {
            (Codec::Protobuf, false) => "application/grpc-web+proto",
            (Codec::Json, false) => "application/grpc-web+json",
            (Codec::Protobuf, true) => "application/grpc-web-text+proto",
            (Codec::Json, true) => "application/grpc-web-text+json",
        })
    }
}

/// Writes messages in frames, and the trailers as a last frame. Base64 if the client asks for text.
#[derive(Debug, Clone, Copy)]
struct WebFraming {
    text: bool,
}

impl Framing for WebFraming {
    fn end(
        self,
        outcome: Result<(), &Error>,
        metadata: &Metadata,
        out: &mut Vec<u8>,
    ) -> Option<HeaderMap> {
        frame::write(TRAILERS, &http1_fields(&trailers(outcome, metadata)), out);
        None
    }

    fn encode_chunk(self, chunk: Vec<u8>) -> Vec<u8> {
        if self.text {
            STANDARD.encode(chunk).into()
        } else {
            chunk
        }
    }
}

/// Serves a gRPC-Web call.
pub(crate) async fn serve(
    connection: &ConnectionState,
    request: Request<Incoming>,
    web: WebFormat,
) -> HttpResponse {
    let (path, router) = (request.uri().path(), &connection.server.router);
    let Some(route) = router.get(path) else {
        return refuse(&router.unknown(path).into(), web);
    };
    let guard = connection.begin(&route.method, "grpc-web");
    let (head, body) = request.into_parts();
    let body = body.counted_by(&guard);
    let answered = if web.text {
        let body = Decoded::new(body);
        call(connection, route, (&head, body), web, &guard).await
    } else {
        call(connection, route, (&head, body), web, &guard).await
    };
    match answered {
        Ok(reply) => reply.map(|body| body.during(guard)),
        Err(failure) => refuse(&guard.failed(failure), web),
    }
}

async fn call<B>(
    connection: &ConnectionState,
    route: &Route,
    (head, body): (&Parts, B),
    web: WebFormat,
    guard: &CallGuard,
) -> Result<HttpResponse, Failure>
where
    B: Body<Data = Bytes, Error: Into<BodyError>> + Send + Unpin + 'static,
{
    let (headers, server) = (&head.headers, &connection.server);
    let context = context(connection, head, "grpc-web")?;
    let exchange = ServerCall::new(connection, route, context, guard);
    let decode = exchange.decode(web.codec);
    let encode = EncodeOptions::new(&server.compression, &route.method, web.codec)
        .accepted_by(headers, &ACCEPT_ENCODING);
    let frames = FrameReader::new(
        body,
        decode.limit,
        &connection.buffers,
        headers.get(ENCODING),
    );
    let reply = exchange.framed(frames, decode).await?;
    let mut out = start(web);
    if let Some(encoding) = encode.encoding() {
        out.insert(ENCODING, encoding);
    }
    headers::write(reply.metadata(), &mut out)?;
    Ok(response_stream::body(exchange, reply, encode, web.framing())?.with_headers(out))
}

/// Returns the response to a call that failed before its first message. The status is in the body,
/// because CORS may hide response headers from a page.
fn refuse(failure: &Failure, web: WebFormat) -> HttpResponse {
    let mut out = Vec::new();
    let framing = web.framing();
    framing.end(Err(&failure.error), &failure.trailers, &mut out);
    let mut response = ResponseBody::full(framing.encode_chunk(out)).with_headers(start(web));
    headers::write_or_warn(&failure.metadata, response.headers_mut());
    response
}

fn start(web: WebFormat) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(3);
    headers.insert(CONTENT_TYPE, web.content_type());
    headers.insert(
        ACCEPT_ENCODING,
        HeaderValue::from_static(Compression::accepted()),
    );
    headers
}

/// Encodes trailers for the last frame, in the format of HTTP/1.1 headers.
fn http1_fields(trailers: &HeaderMap) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, value) in trailers {
        out.extend_from_slice(name.as_str().as_bytes());
        out.extend_from_slice(b": ");
        out.extend_from_slice(value.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_types() {
        let read = |content_type: &'static str, accept: Option<&'static str>| {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
            if let Some(accept) = accept {
                headers.insert(http::header::ACCEPT, HeaderValue::from_static(accept));
            }
            WebFormat::read(&headers).map(|web| (web.codec, web.text, web.text_reply))
        };
        let (proto, json) = (Codec::Protobuf, Codec::Json);
        assert_eq!(
            read("application/grpc-web", None),
            Some((proto, false, false))
        );
        assert_eq!(
            read("application/grpc-web+json;a=b", None),
            Some((json, false, false))
        );
        assert_eq!(
            read("application/grpc-web-text", None),
            Some((proto, true, true))
        );
        let any = Some("*/*");
        assert_eq!(
            read("application/grpc-web-text+proto", any),
            Some((proto, true, true))
        );
        let text = Some("application/grpc-web-text");
        assert_eq!(
            read("application/grpc-web+proto", text),
            Some((proto, false, true))
        );
        for other in [
            "application/grpc",
            "application/grpc-webs",
            "application/grpc-web+x",
        ] {
            assert_eq!(read(other, None), None, "{other}");
        }
    }
}
