//! What goes out as gRPC: headers, a message or messages, then a status.

use http::Response;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};

use crate::exchange::Exchange;
use crate::failure::Failure;
use crate::headers;
use crate::messages::{self, Framing};
use crate::reply::{HttpReply, ReplyBody};
use crate::writer::Writer;
use micro_core::handler::Reply;
use micro_message::codec::{Codec, Compression};
use micro_message::error::{Error, ErrorKind, Result};
use micro_wire::grpc::{ACCEPT_ENCODING, ENCODING, NOT_HANDLED, content_type, status};

/// The response to a call that has been answered.
pub(super) fn reply(exchange: Exchange<'_>, answer: Reply, writer: Writer) -> Result<HttpReply> {
    let metadata = answer.metadata();
    let compressed = Compression::ALL.iter().any(|way| way.is_compiled());
    let room = if compressed { 3 } else { 1 };
    let mut headers = HeaderMap::with_capacity(room + metadata.len());
    headers.insert(CONTENT_TYPE, content_type(writer.codec));
    if let Some(encoding) = writer.encoding() {
        headers.insert(ENCODING, encoding);
    }
    // Who is not told sends nothing compressed, which is right where nothing is compiled in.
    if compressed {
        headers.insert(
            ACCEPT_ENCODING,
            HeaderValue::from_static(Compression::accepted()),
        );
    }
    headers::write(metadata, &mut headers)?;
    let body = messages::body(exchange, answer, writer, Framing::Grpc)?;
    let mut response = Response::new(body);
    *response.headers_mut() = headers;
    Ok(response)
}

/// The response to a call that fails before its first message: headers alone.
pub(super) fn refuse(error: &Error, codec: Codec) -> HttpReply {
    let mut response = Response::new(ReplyBody::empty());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, content_type(codec));
    status::write(error, headers);
    if error.kind() == ErrorKind::Unimplemented {
        headers.insert(
            ACCEPT_ENCODING,
            HeaderValue::from_static(Compression::accepted()),
        );
    }
    response
}

/// The same with the metadata that the handler has set, or with the news that there was no handler.
pub(super) fn refuse_with(failure: &Failure, codec: Codec) -> HttpReply {
    let mut response = refuse(&failure.error, codec);
    if failure.not_handled {
        let yes = HeaderValue::from_static("1");
        response.headers_mut().insert(NOT_HANDLED, yes);
    }
    for metadata in [&failure.metadata, &failure.trailers] {
        if let Err(error) = headers::write(metadata, response.headers_mut()) {
            tracing::warn!(%error, "metadata of a failed call left out");
        }
    }
    response
}
