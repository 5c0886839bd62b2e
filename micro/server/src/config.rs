//! Settings of a server and its limits, each with its default.

use std::time::Duration;

use crate::cors::Cors;
use micro_core::handler::MethodInfo;
use micro_message::error::{Error, Result};
use micro_wire::Compression;

/// Settings of a [`Server`](crate::Server).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// `host:port` to listen on; port 0 takes a free one. Default `127.0.0.1:0`.
    pub address: String,
    /// Whether clients may ask what is served: gRPC reflection, `/openapi.json` and the page
    /// `/openapi` to try it, as far as the cargo features `reflection` and `openapi` are on.
    /// Default yes.
    pub reflection: bool,
    /// Which replies are compressed. Default none.
    pub compression: ResponseCompression,
    /// Which pages of other sites may call. Default none.
    pub cors: Cors,
    /// Names of this server, without ports. Browsers may call it by these, by its addresses, by
    /// `localhost` and by hosts listed in [`cors`](Self::cors); by any other name their requests
    /// are refused. Default none; an app puts the host of the setting `advertise` here.
    pub names: Vec<String>,
    /// What one caller may take.
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
    /// The defaults, on an address.
    pub fn new(address: impl Into<String>) -> Self {
        Self {
            address: address.into(),
            ..Self::default()
        }
    }
}

/// Which replies a server compresses, for callers that accept it.
///
/// Requests need no setting: what is compiled in is accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ResponseCompression {
    /// With what; `None`, the default, compresses nothing.
    pub algorithm: Option<Compression>,
    /// Messages shorter than this, in bytes, go as they are. Default 1,024.
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
    /// Compression of a name, `none` or empty for none.
    ///
    /// # Errors
    ///
    /// `Unimplemented` when the name is unknown or its cargo feature is off.
    pub fn named(name: &str) -> Result<Self> {
        let name = if name == "none" { "" } else { name };
        let algorithm = Compression::find(name).map_err(|error| {
            // What the protocols call `identity` is `none` in a setting.
            Error::new(error.kind(), error.message().replace("identity", "none"))
        })?;
        Ok(Self {
            algorithm,
            ..Self::default()
        })
    }
}

/// What callers may take of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Largest message of a request, in bytes and not compressed, for methods that do not say
    /// otherwise. Default 4 MiB. Replies are bounded by a method's own limit alone, and by what
    /// its callers accept.
    pub max_message_size: usize,
    /// Largest metadata of a call, in bytes of keys and values. Default 16 KiB.
    pub max_metadata_size: usize,
    /// Calls at once on one HTTP/2 connection. Default 1,024.
    pub max_streams: u32,
    /// Bytes of messages that one connection has sent in part, or that wait for the end of their
    /// request; further messages wait, and are refused with `ResourceExhausted` when too many do.
    /// A single message may be larger. Default 16 MiB.
    pub connection_receive_buffer: usize,
    /// The same bytes of all connections together; beyond it a message is refused with
    /// `Unavailable`. Connections that hold no more than 64 KiB do not count. Default 512 MiB.
    pub server_receive_buffer: usize,
    /// Bytes of responses that one connection has not taken yet. By half of them further requests
    /// wait before their handlers run; a response beyond all of them is refused with
    /// `ResourceExhausted`. A single response may be larger. Default 40 MiB.
    pub connection_send_buffer: usize,
    /// The same bytes of all connections together; beyond it calls are refused with `Unavailable`.
    /// Connections that hold no more than 64 KiB do not count. Default 512 MiB.
    pub server_send_buffer: usize,
    /// Connections at once; a further one is closed as soon as it is accepted. Default 16,384.
    pub max_connections: usize,
    /// How long a connection may take to send the head of a request, or nothing at all between
    /// two requests of HTTP/1. Default 10 seconds.
    pub header_timeout: Duration,
    /// How long a message that has begun, in either direction, may make no progress. Default
    /// 30 seconds.
    pub stall_timeout: Duration,
    /// How long a stream may carry no message in either direction; it then ends with
    /// `DeadlineExceeded`. Default none: a stream that watches for changes has long silences, and
    /// dead peers are found by `keep_alive`.
    pub stream_idle_timeout: Option<Duration>,
    /// How often an HTTP/2 peer is asked whether it is still there. Default 20 seconds.
    pub keep_alive_interval: Duration,
    /// How long it may take to answer that. Default 10 seconds.
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
            connection_send_buffer: 40 << 20,
            server_send_buffer: 512 << 20,
            max_connections: 16_384,
            header_timeout: Duration::from_secs(10),
            stall_timeout: Duration::from_secs(30),
            stream_idle_timeout: None,
            keep_alive_interval: Duration::from_secs(20),
            keep_alive_timeout: Duration::from_secs(10),
        }
    }
}

impl Limits {
    /// Longest message of a method, in bytes.
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
