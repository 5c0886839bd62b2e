//! gRPC's wire format, for both ends: content types, header names, message frames, status and
//! timeout.
//!
//! This module knows bytes and headers only. `client` and `server` handle HTTP/2 itself, limits and
//! the wording of errors.

pub mod frame;
pub mod status;
pub mod timeout;

use http::header::{HeaderName, HeaderValue};

use micro_message::codec::Codec;

/// The compression of the messages of a body.
pub const ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");

/// The compressions that the sender can decompress.
pub const ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");

/// Sent beside the status of a call that the server rejected before its handler ran, and that
/// another node may accept. This header is micro's addition to gRPC. Other clients ignore it.
///
/// A client may send such a call to another node even if the method is not idempotent.
pub const NOT_HANDLED: HeaderName = HeaderName::from_static(micro_message::internal::NOT_HANDLED);

/// The content type of a codec's messages.
pub fn content_type(codec: Codec) -> HeaderValue {
    HeaderValue::from_static(match codec {
        Codec::Protobuf => "application/grpc",
        Codec::Json => "application/grpc+json",
    })
}

/// The codec of a content type of gRPC; `None` for every other content type.
pub fn codec(content_type: &[u8]) -> Option<Codec> {
    subtype(after(content_type, b"application/grpc")?)
}

/// The rest of `text` after `name`, if it starts with `name`, in any case. Most peers write it in
/// lower case, so that is compared first.
pub fn after<'a>(text: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let (start, rest) = text.split_at_checked(name.len())?;
    (start == name || start.eq_ignore_ascii_case(name)).then_some(rest)
}

/// The codec of a content type, given its part after the protocol's own name.
pub fn subtype(subtype: &[u8]) -> Option<Codec> {
    let end = subtype.iter().position(|&byte| byte == b';');
    match subtype[..end.unwrap_or(subtype.len())].trim_ascii_end() {
        b"" | b"+proto" => Some(Codec::Protobuf),
        b"+json" => Some(Codec::Json),
        other if other.eq_ignore_ascii_case(b"+proto") => Some(Codec::Protobuf),
        other if other.eq_ignore_ascii_case(b"+json") => Some(Codec::Json),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_types() {
        assert_eq!(codec(b"application/grpc"), Some(Codec::Protobuf));
        assert_eq!(codec(b"application/grpc+proto"), Some(Codec::Protobuf));
        assert_eq!(codec(b"application/grpc+json ; x=y"), Some(Codec::Json));
        assert_eq!(codec(b"Application/gRPC+JSON"), Some(Codec::Json));
        assert_eq!(codec(b"application/GRPC+Proto"), Some(Codec::Protobuf));
        for other in ["application/grpc-web", "application/grpc+thrift", "text/x"] {
            assert_eq!(codec(other.as_bytes()), None, "{other}");
        }
        for written in [Codec::Protobuf, Codec::Json] {
            assert_eq!(codec(content_type(written).as_bytes()), Some(written));
        }
    }
}
