//! Settings and limits of a server, each with its default.

use std::time::Duration;

use crate::cors::Cors;
use micro_core::handler::MethodInfo;
use micro_message::error::{Error, Result};
use micro_wire::Compression;

/// Settings of a [`Server`](crate::Server).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// Address to listen on, as `host:port`. Port 0 takes a free port. Default: `127.0.0.1:0`.
    pub address: String,
    /// Whether the server describes its services to clients: by gRPC reflection, at
    /// `/openapi.json`, and on the page `/openapi`, where methods can be tried. Each needs its
    /// cargo feature, `reflection` or `openapi`. Default: true.
    pub reflection: bool,
    /// Which responses are compressed. Default: none.
    pub compression: ResponseCompression,
    /// Which pages of other origins may call this server. Default: none.
    pub cors: Cors,
    /// Host names of this server, without ports. Requests that a browser sends to another name are
    /// refused, unless the name is an IP address, `localhost` or a host listed in
    /// [`cors`](Self::cors). Default: none. An app adds the host of its setting `advertise`.
    pub names: Vec<String>,
    /// Limits on what a client may use.
    pub limits: Limits,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            address: "127.0.0.1:0".into(),
            reflection: true,
            compression: ResponseCompression::default(),
            cors: Cors::none(),
            names: Vec::new(),
            limits: Limits::default(),
        }
    }
}

impl Config {
    /// Returns the default settings with the given address.
    pub fn new(address: impl Into<String>) -> Self {
        Self {
            address: address.into(),
            ..Self::default()
        }
    }
}

/// Which responses a server compresses, for clients that accept it.
///
/// Requests need no setting: the server accepts every algorithm that is compiled in.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ResponseCompression {
    /// Compression algorithm. Default: `None`, which disables compression.
    pub algorithm: Option<Compression>,
    /// Minimum size of a message to compress, in bytes. Shorter messages are sent uncompressed.
    /// Default: 1,024.
    pub min_size: usize,
}

impl Default for ResponseCompression {
    fn default() -> Self {
        Self {
            algorithm: None,
            min_size: 1024,
        }
    }
}

impl ResponseCompression {
    /// Returns the compression with the given name; `none` or an empty name disables it.
    ///
    /// # Errors
    ///
    /// `Unimplemented` when the name is unknown or its cargo feature is off.
    pub fn named(name: &str) -> Result<Self> {
        let name = if name == "none" { "" } else { name };
        let algorithm = Compression::find(name).map_err(|error| {
            // The protocols say `identity` where a setting says `none`.
            Error::new(error.kind(), error.message().replace("identity", "none"))
        })?;
        Ok(Self {
            algorithm,
            ..Self::default()
        })
    }
}

/// Limits on what clients of a server may use.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Maximum size of a request message, in bytes after decompression, for methods that do not set
    /// a limit of their own. Default: 4 MiB. Responses are limited only by the method's own limit
    /// and by what the client accepts.
    pub max_message_size: usize,
    /// Maximum size of a call's metadata, in bytes of keys and values. Default: 16 KiB.
    pub max_metadata_size: usize,
    /// Maximum number of concurrent calls on one HTTP/2 connection. Default: 1,024.
    pub max_streams: u32,
    /// Maximum number of bytes of incomplete requests buffered per connection: of messages that
    /// have been received in part, and of messages that wait for the end of their request. Further
    /// messages wait; if too many wait, they are refused with `ResourceExhausted`. A single message
    /// may be larger than this limit. Default: 16 MiB.
    pub connection_receive_buffer: usize,
    /// Maximum number of bytes of incomplete requests buffered by all connections together. Further
    /// messages are refused with `Unavailable`. Connections that hold at most 64 KiB are not
    /// counted. Default: 512 MiB.
    pub server_receive_buffer: usize,
    /// Maximum number of bytes of requests per connection whose handlers run. Further requests wait
    /// before their handlers run, and count as received ones meanwhile. Requests below 16 KiB and
    /// streams of requests are not counted; a single request may be larger than this limit. Default:
    /// 32 MiB.
    pub connection_request_buffer: usize,
    /// Maximum number of bytes of requests of all connections together whose handlers run. Further
    /// requests are refused with `Unavailable`. Connections that hold at most 64 KiB are not
    /// counted. Default: 512 MiB.
    pub server_request_buffer: usize,
    /// Maximum number of bytes of responses per connection that the peer has not taken yet. Above
    /// half of this limit, further requests wait before their handlers run. A response that exceeds
    /// the limit together with others is refused with `ResourceExhausted`; a single response may be
    /// larger. Default: 40 MiB.
    pub connection_send_buffer: usize,
    /// Maximum number of bytes of responses of all connections together that the peers have not
    /// taken yet. Further calls are refused with `Unavailable`. Connections that hold at most 64
    /// KiB are not counted. Default: 512 MiB.
    pub server_send_buffer: usize,
    /// Maximum number of open connections. Further connections are closed as soon as they are
    /// accepted. Default: 16,384.
    pub max_connections: usize,
    /// Maximum number of open connections from one IP address; for IPv6, from one /64 network.
    /// Further connections are closed as soon as they are accepted. Default: none, because all
    /// clients behind a proxy or a NAT share an address.
    pub max_connections_per_address: Option<usize>,
    /// Timeout for a connection to send the head of a request. Default: 10 seconds.
    pub header_timeout: Duration,
    /// Maximum time that an HTTP/1 connection may be idle between two requests. It should be longer
    /// than the same timeout of a proxy in front of the server, so that the proxy does not send a
    /// request while the server closes the connection. Default: 75 seconds; the proxies' own
    /// defaults are 60 seconds and less.
    pub http1_keep_alive_timeout: Duration,
    /// Timeout for progress of a message that has begun, in either direction. Default: 30 seconds.
    pub stall_timeout: Duration,
    /// Timeout for a stream without a message in either direction; the stream then ends with
    /// `DeadlineExceeded`. Default: none, because a stream that watches for changes is idle for
    /// long periods and the keep-alive pings detect dead peers.
    pub stream_idle_timeout: Option<Duration>,
    /// Interval between HTTP/2 keep-alive pings. Default: 20 seconds.
    pub keep_alive_interval: Duration,
    /// Timeout for the response to a keep-alive ping. Default: 10 seconds.
    pub keep_alive_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_message_size: 4 << 20,
            max_metadata_size: 16 << 10,
            max_streams: 1024,
            connection_receive_buffer: 16 << 20,
            server_receive_buffer: 512 << 20,
            connection_request_buffer: 32 << 20,
            server_request_buffer: 512 << 20,
            connection_send_buffer: 40 << 20,
            server_send_buffer: 512 << 20,
            max_connections: 16_384,
            max_connections_per_address: None,
            header_timeout: Duration::from_secs(10),
            http1_keep_alive_timeout: Duration::from_secs(75),
            stall_timeout: Duration::from_secs(30),
            stream_idle_timeout: None,
            keep_alive_interval: Duration::from_secs(20),
            keep_alive_timeout: Duration::from_secs(10),
        }
    }
}

impl Limits {
    /// Returns the maximum size of a request message of a method, in bytes.
    pub(super) fn message_of(&self, method: &MethodInfo) -> usize {
        method
            .options
            .max_message_size
            .unwrap_or(self.max_message_size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_compression_is_called_none_in_a_setting() {
        assert_eq!(ResponseCompression::named("none").unwrap().algorithm, None);
        let error = ResponseCompression::named("snappy").unwrap_err();
        assert!(error.message().ends_with("none"), "{error}");
        assert!(!error.message().contains("identity"), "{error}");
    }
}
