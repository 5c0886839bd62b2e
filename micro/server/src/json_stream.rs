//! Streams of JSON text with one message per line: REST's JSON lines and server-sent events. They
//! differ in the text around each line and in the last line.

use http::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue, VARY};

use crate::body::HttpResponse;
use crate::failure::Failure;
use crate::response_stream::{self, EncodeOptions, Framing};
use crate::server_call::ServerCall;
use micro_core::handler::Body;
use micro_message::codec::Codec;
use micro_wire::headers;

/// Runs a call and responds with its messages as they become ready, in the content type that the
/// client asked for.
///
/// # Errors
///
/// Returns an error when the call fails before its stream begins.
pub(super) async fn answer(
    exchange: ServerCall<'_>,
    request: Body,
    content_type: &'static str,
    framing: impl Framing,
) -> Result<HttpResponse, Failure> {
    let replies = &exchange.connection.server.compression;
    let encode = EncodeOptions::new(replies, &exchange.route.method, Codec::Json);
    let reply = exchange.run(request).await?;
    let mut out = HeaderMap::with_capacity(3 + reply.metadata().len());
    out.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    out.append(VARY, ACCEPT.into());
    headers::write(reply.metadata(), &mut out)?;
    let body = response_stream::body(exchange, reply, encode, framing)?;
    Ok(body.with_headers(out))
}

/// Appends JSON as one line between `before` and `after`.
pub(super) fn line(before: &str, json: &[u8], after: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(before.as_bytes());
    // JSON has line breaks only between values, never within a string.
    out.extend(json.iter().map(|&byte| match byte {
        b'\n' | b'\r' => b' ',
        byte => byte,
    }));
    out.extend_from_slice(after.as_bytes());
}
