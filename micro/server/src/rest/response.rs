//! REST responses: a message or one of its fields, or a stream of messages.
//!
//! A stream has a line of JSON for each message, `{"result": …}`. An error within the stream, and
//! trailing metadata, are sent as a last line without `result`. A client that accepts
//! `text/event-stream` gets server-sent events.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue, VARY};
use http::request::Parts;
use serde_json::Value;

use crate::body::HttpResponse;
use crate::content_negotiation::prefers;
use crate::failure::Failure;
use crate::response_stream::{EncodeOptions, Framing, guarded};
use crate::server_call::ServerCall;
use crate::{error_json, json_stream, sse};
use micro_core::handler::{Body, PayloadRef};
use micro_message::codec::{Codec, Types};
use micro_message::error::{Error, Result};
use micro_message::metadata::Metadata;
use micro_schema::http::{Binding, Media};
use micro_wire::headers;

/// The content type of JSON lines.
const NDJSON: &str = "application/x-ndjson";

/// Runs a unary call and responds with its message.
pub(super) async fn unary(
    exchange: ServerCall<'_>,
    binding: &Binding,
    head: &Parts,
    request: Body,
) -> Result<HttpResponse, Failure> {
    let (method, server) = (&exchange.route.method, &exchange.connection.server);
    let encode = EncodeOptions::new(&server.compression, method, Codec::Json)
        .accepted_by(&head.headers, &ACCEPT_ENCODING);
    let reply = exchange.run(request).await?;
    let mut out = HeaderMap::new();
    headers::write(reply.metadata(), &mut out)?;
    headers::write(reply.trailers(), &mut out)?;
    let payload = reply.into_parts().1.into_one()?;
    let mut json = Vec::new();
    guarded(&method.path, || payload.write(Codec::Json, &mut json))?;
    let (media, bytes) = represented(binding, &server.rest.types, &head.headers, json)?;
    out.insert(CONTENT_TYPE, content_type(media));
    if binding.response_media().len() > 1 {
        out.append(VARY, ACCEPT.into());
    }
    let (bytes, compressed) = encode.body(bytes, &method.path)?;
    let bytes = exchange.connection.buffers.response(bytes)?;
    Ok(encode.respond(bytes, compressed, out))
}

/// Returns the body and its media type: JSON, unless the client asks for a field in its own format.
fn represented(
    binding: &Binding,
    types: &Types,
    headers: &HeaderMap,
    json: Vec<u8>,
) -> Result<(Media, Vec<u8>)> {
    if binding.response_body().is_none() {
        return Ok((Media::Json, json));
    }
    let part = binding.response(types, &json)?;
    let mut media = binding.response_media().iter().copied();
    let json = Media::Json.name();
    let media = media.find(|media| *media != Media::Json && prefers(headers, media.name(), json));
    let text = |part: &str| match serde_json::from_str(part) {
        Ok(Value::String(text)) => Ok(text),
        Ok(Value::Null) => Ok(String::new()),
        _ => Err(Error::internal(
            "the `response_body` field is not a JSON string",
        )),
    };
    Ok(match media {
        Some(Media::Text) => (Media::Text, text(&part)?.into_bytes()),
        Some(Media::Bytes) => {
            let bytes = STANDARD.decode(text(&part)?).map_err(|error| {
                Error::internal("the field of the reply is not base64").with_source(error)
            })?;
            (Media::Bytes, bytes)
        }
        _ => (Media::Json, part.into_owned().into_bytes()),
    })
}

/// Runs a streaming call and responds with its messages as they become ready.
pub(super) async fn stream(
    exchange: ServerCall<'_>,
    head: &Parts,
    request: Body,
) -> Result<HttpResponse, Failure> {
    if prefers(&head.headers, sse::EVENT_STREAM, NDJSON) {
        return sse::answer(exchange, &head.headers, request).await;
    }
    json_stream::answer(exchange, request, NDJSON, LineFraming).await
}

/// Writes each message as a line of JSON, and a last line if there is an error or trailing
/// metadata.
#[derive(Debug, Clone, Copy)]
struct LineFraming;

impl Framing for LineFraming {
    fn message(
        self,
        encode: &EncodeOptions,
        payload: PayloadRef<'_>,
        path: &str,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        let (json, _) = encode.plain(payload, path)?;
        line(&json, out);
        Ok(())
    }

    fn end(
        self,
        outcome: Result<(), &Error>,
        metadata: &Metadata,
        out: &mut Vec<u8>,
    ) -> Option<HeaderMap> {
        end(outcome, metadata, out);
        None
    }
}

/// Returns the content type of a media type.
fn content_type(media: Media) -> HeaderValue {
    HeaderValue::from_static(match media {
        Media::Text => "text/plain; charset=utf-8",
        media => media.name(),
    })
}

/// Appends a message as a line.
fn line(json: &[u8], out: &mut Vec<u8>) {
    json_stream::line("{\"result\":", json, "}\n", out);
}

/// Appends the last line, if there is an error or trailing metadata.
fn end(outcome: Result<(), &Error>, metadata: &Metadata, out: &mut Vec<u8>) {
    if outcome.is_err() || !metadata.is_empty() {
        out.extend_from_slice(error_json::end(outcome, metadata).to_string().as_bytes());
        out.push(b'\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_lines_and_its_end_is_one_only_if_it_says_something() {
        let mut out = Vec::new();
        line(b"{\n\"a\":\r\n1}", &mut out);
        end(Ok(()), &Metadata::new(), &mut out);
        let mut after = Metadata::new();
        after.insert("a", "1").unwrap();
        end(Err(&Error::aborted("no\nmore")), &after, &mut out);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "{\"result\":{ \"a\":  1}}\n\
             {\"error\":{\"code\":\"aborted\",\"message\":\"no\\nmore\"},\
             \"metadata\":{\"a\":[\"1\"]}}\n"
        );
    }
}
