//! gRPC-Web: gRPC for browsers, which see no HTTP trailers; binary or base64, over HTTP/1.1 too.
//!
//! Carries streams of every kind; a browser itself cannot send one, and over HTTP/1.1 the replies
//! follow the requests.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::Request;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use http_body::Body;

use crate::body::{HttpResponse, Incoming, ResponseBody};
use crate::failure::Failure;
use crate::grpc::base64::Decoded;
use crate::grpc::{context, trailers};
use crate::request_stream::{BodyError, FrameReader};
use crate::response_stream::{self, EncodeOptions, Framing};
use crate::server_call::ServerCall;
use crate::state::ConnectionState;
use micro_core::handler::Route;
use micro_message::codec::Codec;
use micro_message::error::{Error, Result};
use micro_message::metadata::Metadata;
use micro_wire::Compression;
use micro_wire::grpc::{ACCEPT_ENCODING, ENCODING, after, frame, subtype};
use micro_wire::headers;

/// The flag of the last frame, which holds the trailers.
const TRAILERS: u8 = 0x80;

/// What a content type of gRPC-Web says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WebFormat {
    codec: Codec,
    /// Base64 rather than bytes, in the request.
    text: bool,
    /// And in the reply.
    text_reply: bool,
}

impl WebFormat {
    /// What a request says; `None` when it is not gRPC-Web.
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

/// Frames, and the trailers in a last one; in base64 where the caller wants text.
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

/// Answers a call that came as gRPC-Web.
pub(crate) async fn serve(
    connection: &ConnectionState,
    request: Request<Incoming>,
    web: WebFormat,
) -> HttpResponse {
    let (path, router) = (request.uri().path(), &connection.server.router);
    let Some(route) = router.get(path) else {
        return refuse(&router.unknown(path).into(), web);
    };
    let guard = connection.calls.begin(&route.method);
    let (head, body) = request.into_parts();
    let answered = if web.text {
        call(connection, route, &head.headers, Decoded::new(body), web).await
    } else {
        call(connection, route, &head.headers, body, web).await
    };
    match answered {
        Ok(reply) => reply.map(|body| body.during(guard)),
        Err(failure) => refuse(&failure, web),
    }
}

async fn call<B>(
    connection: &ConnectionState,
    route: &Route,
    headers: &HeaderMap,
    body: B,
    web: WebFormat,
) -> Result<HttpResponse, Failure>
where
    B: Body<Data = Bytes, Error: Into<BodyError>> + Send + Unpin + 'static,
{
    let server = &connection.server;
    let context = context(headers, "grpc-web", connection.address, &server.limits)?;
    let exchange = ServerCall::new(connection, route, context);
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

/// The response to a call that fails before its first message: what ends it is in the body, where
/// browsers see it whatever they may see of headers.
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

/// Trailers as the last frame has them: like the head of HTTP/1.1.
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
