//! The Connect protocol: calls over plain HTTP in JSON or protobuf, for example by curl and
//! browsers.
//!
//! Supports unary calls, GET for idempotent ones, and all kinds of streams. The published crate
//! `connectrpc` was considered and rejected: its dispatch is bound to messages of `buffa` and
//! services of `tower`, and it adds some fifty crates that nothing else here needs, to save the few
//! hundred lines of this folder. Frames, limits and compression are shared with gRPC.

pub(super) mod query;
pub(super) mod stream;
pub(super) mod unary;

use std::time::Duration;

use http::header::{HeaderMap, HeaderValue};
use http::request::Parts;

use crate::call_context;
use crate::state::ConnectionState;
use micro_core::context::Context;
use micro_message::codec::Codec;
use micro_message::error::{Error, Result};

/// The format of a call, by its content type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CallFormat {
    /// The body is one message.
    Unary(Codec),
    /// The body consists of frames.
    Stream(Codec),
}

/// Returns the format of a Connect content type; `None` for any other content type.
pub(super) fn call_format(content_type: &[u8]) -> Option<CallFormat> {
    let end = content_type.iter().position(|&byte| byte == b';');
    let kind = content_type[..end.unwrap_or(content_type.len())].trim_ascii();
    let is = |known: &str| kind.eq_ignore_ascii_case(known.as_bytes());
    Some(match () {
        () if is("application/json") => CallFormat::Unary(Codec::Json),
        () if is("application/proto") => CallFormat::Unary(Codec::Protobuf),
        () if is("application/connect+json") => CallFormat::Stream(Codec::Json),
        () if is("application/connect+proto") => CallFormat::Stream(Codec::Protobuf),
        () => return None,
    })
}

/// Creates the context of a call: deadline, metadata and caller.
pub(super) fn context(
    connection: &ConnectionState,
    head: &Parts,
    protocol: &'static str,
) -> Result<Context> {
    let context = call_context::of_request(connection, head, protocol)?;
    version(&head.headers)?;
    match head.headers.get("connect-timeout-ms") {
        Some(timeout) => Ok(context.with_timeout(milliseconds(timeout)?)),
        None => Ok(context),
    }
}

fn version(headers: &HeaderMap) -> Result<()> {
    match headers.get("connect-protocol-version") {
        Some(version) if version != "1" => Err(Error::invalid_argument(format!(
            "`connect-protocol-version: {}` is not supported; send `1`",
            excerpt(version)
        ))),
        _ => Ok(()),
    }
}

/// Parses `connect-timeout-ms`, which has at most ten digits.
pub(super) fn milliseconds(value: &HeaderValue) -> Result<Duration> {
    let digits = value.to_str().ok().filter(|text| {
        (1..=10).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
    });
    let number = digits.and_then(|digits| digits.parse().ok());
    number.map(Duration::from_millis).ok_or_else(|| {
        Error::invalid_argument(format!(
            "`connect-timeout-ms: {}` must be one to ten digits",
            excerpt(value)
        ))
    })
}

fn excerpt(value: &HeaderValue) -> String {
    let text = String::from_utf8_lossy(value.as_bytes());
    text.escape_debug().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_types() {
        let (json, proto) = (Codec::Json, Codec::Protobuf);
        assert_eq!(
            call_format(b"application/json"),
            Some(CallFormat::Unary(json))
        );
        let with_charset = call_format(b"Application/JSON; charset=utf-8");
        assert_eq!(with_charset, Some(CallFormat::Unary(json)));
        assert_eq!(
            call_format(b"application/proto"),
            Some(CallFormat::Unary(proto))
        );
        assert_eq!(
            call_format(b"application/connect+json"),
            Some(CallFormat::Stream(json))
        );
        assert_eq!(
            call_format(b"application/connect+proto"),
            Some(CallFormat::Stream(proto))
        );
        assert_eq!(call_format(b"application/connect"), None);
        assert_eq!(call_format(b"application/x-www-form-urlencoded"), None);
    }

    #[test]
    fn timeouts_are_milliseconds() {
        let read = |text: &str| milliseconds(&HeaderValue::from_str(text).unwrap());
        assert_eq!(read("1500").unwrap(), Duration::from_millis(1500));
        for bad in ["", "1.5", "-1", "12345678901", "1s"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
