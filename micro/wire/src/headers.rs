//! HTTP headers to metadata and back, the same for requests and replies; leaves out the names that
//! belong to the protocols.

use std::borrow::Cow;

use http::header::{HeaderMap, HeaderName, HeaderValue};

use crate::grpc::NOT_HANDLED;
use micro_message::error::{Error, Result};
use micro_message::metadata::Metadata;

/// Reads the application's part of a request's headers.
///
/// # Errors
///
/// `ResourceExhausted` when it is larger than `limit` bytes.
pub fn metadata(headers: &HeaderMap, limit: usize) -> Result<Metadata> {
    let mut metadata = Metadata::new();
    let size = read(headers, &mut metadata);
    if size > limit {
        return Err(Error::resource_exhausted(format!(
            "the metadata takes {size} bytes; this server accepts at most {limit}"
        )));
    }
    Ok(metadata)
}

/// Adds the application's part of headers or trailers to metadata; returns how many bytes it takes.
pub fn read(headers: &HeaderMap, metadata: &mut Metadata) -> usize {
    let mut size = 0;
    for (name, value) in headers {
        let name = name.as_str();
        if reserved(name) {
            continue;
        }
        size += name.len() + value.len();
        // Proxies add names and values that are legal in HTTP only; such a call is still good.
        let Ok(text) = value.to_str() else {
            tracing::debug!(name, "header left out of the metadata: not visible ASCII");
            continue;
        };
        if let Err(error) = metadata.append(name.to_owned(), text) {
            tracing::debug!(name, %error, "header left out of the metadata");
        }
    }
    size
}

/// What a header lists, over all its lines.
pub fn list<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Cow<'a, str> {
    let lines = headers.get_all(name).iter();
    let mut lines = lines.map(|line| line.to_str().unwrap_or("?"));
    let (first, more) = (lines.next().unwrap_or_default(), lines.next());
    match more {
        None => first.into(),
        Some(second) => {
            let all: Vec<_> = [first, second].into_iter().chain(lines).collect();
            all.join(",").into()
        }
    }
}

/// Adds a reply's metadata to the headers of a response.
///
/// # Errors
///
/// `Internal` when a key or value is not allowed in a header.
pub fn write(metadata: &Metadata, headers: &mut HeaderMap) -> Result<()> {
    write_prefixed("", metadata, headers)
}

/// As [`write()`], for failures that are reported without their metadata: what cannot be written is
/// logged.
pub fn write_or_warn(metadata: &Metadata, headers: &mut HeaderMap) {
    if let Err(error) = write(metadata, headers) {
        tracing::warn!(%error, "metadata of a reply left out");
    }
}

/// The same, with something in front of each key.
pub fn write_prefixed(prefix: &str, metadata: &Metadata, headers: &mut HeaderMap) -> Result<()> {
    for (key, value) in metadata.iter() {
        if reserved(key) {
            tracing::debug!(key, "metadata not sent: the key belongs to the protocol");
            continue;
        }
        let name = if prefix.is_empty() {
            HeaderName::try_from(key)
        } else {
            HeaderName::try_from(format!("{prefix}{key}"))
        };
        let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(value)) else {
            return Err(Error::internal(format!(
                "the reply's metadata `{key}` cannot be a header"
            )));
        };
        headers.append(name, value);
    }
    Ok(())
}

/// Whether a name belongs to HTTP, gRPC or Connect rather than to the application.
fn reserved(name: &str) -> bool {
    match name.as_bytes()[0] {
        b'g' => name.starts_with("grpc-"),
        b'c' => {
            name.starts_with("content-") || name == "connection" || name.starts_with("connect-")
        }
        b't' => matches!(name, "te" | "trailer" | "transfer-encoding"),
        b'a' => name == "accept" || name.starts_with("accept-"),
        b'u' => matches!(name, "user-agent" | "upgrade"),
        b'h' => matches!(name, "host" | "http2-settings"),
        b'e' => name == "expect",
        b'k' => name == "keep-alive",
        b'm' => name == NOT_HANDLED.as_str(),
        b'd' => name == "date",
        b'p' => name == "proxy-connection",
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_application_s_headers_are_metadata() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("content-type", "application/grpc"),
            ("grpc-timeout", "1S"),
            ("te", "trailers"),
            ("user-agent", "x"),
            ("tenant", "acme"),
            ("trace-bin", "AAEC"),
            ("authorization", "Bearer x"),
        ] {
            headers.append(name, HeaderValue::from_static(value));
        }
        headers.append("tenant", HeaderValue::from_static("other"));
        headers.append("weird!", HeaderValue::from_static("x"));
        headers.append("latin", HeaderValue::from_bytes(b"\xe9").unwrap());
        let metadata = metadata(&headers, 100).unwrap();
        assert_eq!(
            metadata.get_all("tenant").collect::<Vec<_>>(),
            ["acme", "other"]
        );
        assert_eq!(metadata.get("trace-bin"), Some("AAEC"));
        assert_eq!(metadata.get("authorization"), Some("Bearer x"));
        assert_eq!(metadata.len(), 4);
    }

    #[test]
    fn too_much_metadata_names_both_sizes() {
        let mut headers = HeaderMap::new();
        headers.insert("key", HeaderValue::from_str(&"x".repeat(50)).unwrap());
        let error = metadata(&headers, 40).unwrap_err();
        assert_eq!(
            error.message(),
            "the metadata takes 53 bytes; this server accepts at most 40"
        );
    }

    #[test]
    fn replies_cannot_set_the_protocol_s_headers() {
        let mut reply = Metadata::new();
        reply.insert("grpc-status", "0").unwrap();
        reply.insert("content-length", "7").unwrap();
        reply.insert("micro-not-handled", "1").unwrap();
        reply.insert("color", "red").unwrap();
        let mut headers = HeaderMap::new();
        write(&reply, &mut headers).unwrap();
        assert_eq!(headers.len(), 1);
        assert_eq!(headers["color"], "red");
    }
}
