//! HTTP headers to metadata and back, the same for requests and replies; leaves out the names that
//! belong to the protocols.

use std::borrow::Cow;

use http::header::{HeaderMap, HeaderName, HeaderValue};

use micro_message::error::{Error, Result};
use micro_message::internal::is_reserved;
use micro_message::metadata::Metadata;

/// Reads the application's part of a request's headers.
///
/// # Errors
///
/// `ResourceExhausted` when it is larger than `limit` bytes.
pub fn metadata(headers: &HeaderMap, limit: usize) -> Result<Metadata> {
    metadata_and(headers, limit, |_, _| {})
}

/// As [`metadata`], and passes each header that belongs to the protocols to `reserved`.
///
/// # Errors
///
/// `ResourceExhausted` when the metadata is larger than `limit` bytes.
pub fn metadata_and<'a>(
    headers: &'a HeaderMap,
    limit: usize,
    reserved: impl FnMut(&str, &'a HeaderValue),
) -> Result<Metadata> {
    let mut metadata = Metadata::new();
    let size = read_and(headers, &mut metadata, reserved);
    if size > limit {
        return Err(Error::resource_exhausted(format!(
            "the metadata takes {size} bytes; this server accepts at most {limit}"
        )));
    }
    Ok(metadata)
}

/// Adds the application's part of headers or trailers to metadata; returns how many bytes it takes.
pub fn read(headers: &HeaderMap, metadata: &mut Metadata) -> usize {
    read_and(headers, metadata, |_, _| {})
}

fn read_and<'a>(
    headers: &'a HeaderMap,
    metadata: &mut Metadata,
    mut reserved: impl FnMut(&str, &'a HeaderValue),
) -> usize {
    let mut size = 0;
    for (name, value) in headers {
        let name = name.as_str();
        if is_reserved(name) {
            reserved(name, value);
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
/// `Internal` when a key belongs to the protocol, or when a key or value is not allowed in a header.
pub fn write(metadata: &Metadata, headers: &mut HeaderMap) -> Result<()> {
    write_prefixed("", metadata, headers)
}

/// As [`write()`], for failures that are reported without their metadata: what cannot be written is
/// logged.
pub fn write_or_warn(metadata: &Metadata, headers: &mut HeaderMap) {
    for (key, value) in metadata.iter() {
        if let Err(error) = write_one("", (key, value), headers) {
            tracing::warn!(%error, "metadata of a reply left out");
        }
    }
}

/// The same, with something in front of each key.
pub fn write_prefixed(prefix: &str, metadata: &Metadata, headers: &mut HeaderMap) -> Result<()> {
    for pair in metadata.iter() {
        write_one(prefix, pair, headers)?;
    }
    Ok(())
}

fn write_one(prefix: &str, (key, value): (&str, &str), headers: &mut HeaderMap) -> Result<()> {
    if is_reserved(key) {
        return Err(Error::internal(format!(
            "response metadata `{key}` cannot be set: the key belongs to the protocol"
        )));
    }
    let name = if prefix.is_empty() {
        HeaderName::try_from(key)
    } else {
        HeaderName::try_from(format!("{prefix}{key}"))
    };
    let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(value)) else {
        return Err(Error::internal(format!(
            "response metadata `{key}` cannot be sent as a header"
        )));
    };
    headers.append(name, value);
    Ok(())
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
    fn reply_cannot_set_headers_of_the_protocol() {
        for key in [
            "grpc-status",
            "content-length",
            "micro-not-handled",
            "x-user-agent",
        ] {
            let mut reply = Metadata::new();
            reply.insert(key, "0").unwrap();
            reply.insert("color", "red").unwrap();
            let mut headers = HeaderMap::new();
            let error = write(&reply, &mut headers).unwrap_err();
            assert_eq!(error.kind(), micro_message::error::ErrorKind::Internal);
            assert!(error.message().contains(&format!("`{key}`")), "{error}");

            let mut headers = HeaderMap::new();
            write_or_warn(&reply, &mut headers);
            assert_eq!(headers.len(), 1, "the other pairs are sent: {headers:?}");
            assert_eq!(headers["color"], "red");
        }
    }

    #[test]
    fn headers_of_the_protocol_are_passed_separately() {
        let mut headers = HeaderMap::new();
        for name in [
            "x-user-agent",
            "x-grpc-web",
            "user-agent",
            "accept",
            "tenant",
        ] {
            let name = HeaderName::from_static(name);
            headers.append(name, HeaderValue::from_static("x"));
        }
        let mut reserved = Vec::new();
        let metadata = metadata_and(&headers, 100, |name, _| reserved.push(name.to_owned()));
        assert_eq!(
            metadata.unwrap().iter().collect::<Vec<_>>(),
            [("tenant", "x")]
        );
        reserved.sort_unstable();
        assert_eq!(
            reserved,
            ["accept", "user-agent", "x-grpc-web", "x-user-agent"]
        );
    }
}
