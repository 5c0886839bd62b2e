//! What comes in as gRPC beside messages: content type, time-out, metadata.

use std::time::Duration;

use http::HeaderMap;
use http::header::HeaderValue;

use crate::headers;
use crate::peer::Peer;
use micro_core::context::{Caller, Context};
use micro_message::codec::Codec;
use micro_message::error::{Error, Result};

/// The codec of a content type of gRPC; `None` for every other.
pub(crate) fn codec(content_type: &[u8]) -> Option<Codec> {
    subtype(after(content_type, b"application/grpc")?)
}

/// What follows a name, in whatever case that is; nearly all write it in lower case.
pub(super) fn after<'a>(text: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let (start, rest) = text.split_at_checked(name.len())?;
    (start == name || start.eq_ignore_ascii_case(name)).then_some(rest)
}

/// The codec of what stands behind the protocol's own name in a content type.
pub(super) fn subtype(subtype: &[u8]) -> Option<Codec> {
    let end = subtype.iter().position(|&byte| byte == b';');
    match subtype[..end.unwrap_or(subtype.len())].trim_ascii_end() {
        b"" | b"+proto" => Some(Codec::Protobuf),
        b"+json" => Some(Codec::Json),
        other if other.eq_ignore_ascii_case(b"+proto") => Some(Codec::Protobuf),
        other if other.eq_ignore_ascii_case(b"+json") => Some(Codec::Json),
        _ => None,
    }
}

/// Deadline, metadata and caller of a request.
pub(super) fn context(headers: &HeaderMap, peer: &Peer, protocol: &'static str) -> Result<Context> {
    let metadata = headers::metadata(headers, peer.shared.limits.metadata)?;
    let context = Context::new()
        .with_caller(Caller::new(Some(peer.address), protocol))
        .with_metadata(metadata);
    match headers.get("grpc-timeout") {
        None => Ok(context),
        Some(value) => timeout(value).map(|timeout| context.with_timeout(timeout)),
    }
}

/// Reads `grpc-timeout`: at most eight digits and a unit.
pub(crate) fn timeout(value: &HeaderValue) -> Result<Duration> {
    let read = || {
        let (&unit, digits) = value.as_bytes().split_last()?;
        let digits = std::str::from_utf8(digits).ok()?;
        if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let count: u64 = digits.parse().ok()?;
        Some(match unit {
            b'H' => Duration::from_secs(count * 3600),
            b'M' => Duration::from_secs(count * 60),
            b'S' => Duration::from_secs(count),
            b'm' => Duration::from_millis(count),
            b'u' => Duration::from_micros(count),
            b'n' => Duration::from_nanos(count),
            _ => return None,
        })
    };
    read().ok_or_else(|| {
        Error::invalid_argument(format!(
            "`grpc-timeout: {}` must be up to eight digits and one of H, M, S, m, u, n",
            String::from_utf8_lossy(value.as_bytes()).escape_debug()
        ))
    })
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
    }

    #[test]
    fn timeouts_have_a_number_and_a_unit() {
        let read = |text: &str| timeout(&HeaderValue::from_str(text).unwrap());
        assert_eq!(read("5S").unwrap(), Duration::from_secs(5));
        assert_eq!(read("99999999H").unwrap().as_secs(), 99_999_999 * 3600);
        assert_eq!(read("250m").unwrap(), Duration::from_millis(250));
        for bad in ["", "S", "5", "5s", "-5S", "123456789n", "+5S", "5 S"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
