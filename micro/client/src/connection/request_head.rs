//! Head of a gRPC request: path, deadline and metadata.

use std::time::Duration;

use http::header::{CONTENT_TYPE, HeaderName, HeaderValue, TE, USER_AGENT};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, Method, Request, Uri, Version};

use crate::connection::frames::Framing;
use micro_message::error::{Error, Result};
use micro_message::metadata::Metadata;
use micro_wire::Compression;
use micro_wire::grpc::{ACCEPT_ENCODING, ENCODING, NOT_HANDLED, content_type, timeout};

const DEFAULT_USER_AGENT: HeaderValue =
    HeaderValue::from_static(concat!("micro-rust/", env!("CARGO_PKG_VERSION")));

/// Parts of the request head that are the same for all attempts of a call, whatever the node.
#[derive(Debug)]
pub(crate) struct RequestHead {
    path: PathAndQuery,
    fields: HeaderMap,
}

/// Whether a header is reserved for the protocol.
fn is_reserved(key: &str) -> bool {
    matches!(
        key,
        "connection"
            | "content-length"
            | "content-type"
            | "host"
            | "keep-alive"
            | "te"
            | "trailer"
            | "proxy-connection"
            | "transfer-encoding"
            | "upgrade"
    ) || key.starts_with("grpc-")
        || key == NOT_HANDLED.as_str()
}

impl RequestHead {
    /// Creates the head of a call's requests.
    ///
    /// # Errors
    ///
    /// Returns `InvalidArgument` for metadata with a reserved key, and `ResourceExhausted` for more
    /// than `limit` bytes of metadata.
    pub(crate) fn new(
        path: PathAndQuery,
        framing: &Framing,
        metadata: &Metadata,
        limit: usize,
    ) -> Result<Self> {
        let mut fields = HeaderMap::with_capacity(6 + metadata.len());
        fields.insert(TE, const { HeaderValue::from_static("trailers") });
        fields.insert(CONTENT_TYPE, content_type(framing.codec));
        fields.insert(USER_AGENT, DEFAULT_USER_AGENT);
        if cfg!(any(feature = "gzip", feature = "zstd")) {
            fields.insert(
                ACCEPT_ENCODING,
                HeaderValue::from_static(Compression::accepted()),
            );
        }
        if let Some(compression) = framing.compression {
            fields.insert(ENCODING, HeaderValue::from_static(compression.name()));
        }
        if !metadata.is_empty() {
            add(metadata, limit, &mut fields)?;
        }
        Ok(Self { path, fields })
    }

    /// Validates the metadata of a call, also for calls within this process.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`new`](Self::new).
    pub(crate) fn check(metadata: &Metadata, limit: usize) -> Result<()> {
        if metadata.size() > limit {
            return Err(Error::resource_exhausted(format!(
                "the call's metadata has {} bytes, the limit is {limit} (`max_metadata_size`)",
                metadata.size()
            )));
        }
        match metadata.iter().find(|(key, _)| is_reserved(key)) {
            None => Ok(()),
            Some((key, _)) => Err(Error::invalid_argument(format!(
                "metadata key `{key}` belongs to the protocol, choose another"
            ))),
        }
    }

    /// Returns the head for one node, with the remaining time until the deadline.
    pub(crate) fn request(
        &self,
        authority: &Authority,
        remaining: Option<Duration>,
    ) -> Request<()> {
        let mut parts = http::uri::Parts::default();
        parts.scheme = Some(Scheme::HTTP);
        parts.authority = Some(authority.clone());
        parts.path_and_query = Some(self.path.clone());
        let uri = Uri::from_parts(parts).expect("scheme, authority and path are a whole");
        let mut request = Request::new(());
        *request.method_mut() = Method::POST;
        *request.uri_mut() = uri;
        *request.version_mut() = Version::HTTP_2;
        *request.headers_mut() = self.fields.clone();
        if let Some(remaining) = remaining {
            request
                .headers_mut()
                .insert(timeout::TIMEOUT, timeout::write(remaining));
        }
        request
    }
}

fn add(metadata: &Metadata, limit: usize, fields: &mut HeaderMap) -> Result<()> {
    RequestHead::check(metadata, limit)?;
    for (key, value) in metadata.iter() {
        let name = HeaderName::from_bytes(key.as_bytes());
        let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(value)) else {
            return Err(Error::invalid_argument(format!(
                "metadata `{key}` cannot be sent"
            )));
        };
        if name == USER_AGENT {
            fields.insert(name, value);
        } else {
            fields.append(name, value);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use micro_message::codec::Codec;

    const FRAMING: Framing = Framing {
        codec: Codec::Protobuf,
        limit: 99,
        compression: None,
    };

    #[test]
    fn metadata_cannot_pose_as_protocol_and_is_limited() {
        let path = || PathAndQuery::from_static("/a.A/B");
        let mut metadata = Metadata::new();
        metadata.insert("grpc-status", "0").unwrap();
        let error = RequestHead::new(path(), &FRAMING, &metadata, 99).unwrap_err();
        assert!(error.to_string().contains("`grpc-status`"), "{error}");
        let mut metadata = Metadata::new();
        metadata.insert("a", "x".repeat(99)).unwrap();
        let error = RequestHead::new(path(), &FRAMING, &metadata, 99).unwrap_err();
        assert!(error.to_string().contains("`max_metadata_size`"), "{error}");
    }

    #[test]
    fn request_names_node_method_and_time() {
        let mut metadata = Metadata::new();
        metadata.insert("tenant", "acme").unwrap();
        let path = PathAndQuery::from_static("/greeter.Greeter/Hello");
        let head = RequestHead::new(path, &FRAMING, &metadata, 99).unwrap();
        let node = Authority::from_static("[::1]:80");
        let request = head.request(&node, Some(Duration::from_secs(1)));
        assert_eq!(request.uri(), "http://[::1]:80/greeter.Greeter/Hello");
        assert_eq!(request.headers()["grpc-timeout"], "1000000u");
        assert_eq!(request.headers()["tenant"], "acme");
        assert_eq!(request.headers()["te"], "trailers");
    }
}
