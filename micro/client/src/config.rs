//! `Config`: strategy, timeouts and size limits of a client.

use std::time::Duration;

use crate::selector::{Probing, Strategy};
use micro_wire::Compression;

/// Configuration of a [`Client`](crate::Client): how it picks nodes, its timeouts and its limits.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Config {
    /// Strategy for picking a node. Default: least loaded.
    pub strategy: Strategy,
    /// Timeout of a call if neither the call nor its method sets one. Default: 30 s.
    pub timeout: Duration,
    /// Maximum time that a call waits for a first node of its service. The call's own deadline
    /// applies as well. Default: 5 s, enough for services that start together.
    pub discovery_timeout: Duration,
    /// Timeout for connecting, including name lookup and handshake. Default: 2 s, enough for one
    /// lost packet.
    pub connect_timeout: Duration,
    /// Time that a call waits for a connection before it tries another node, if there is one. The
    /// attempt to connect continues in the background. Default: 250 ms.
    pub failover_after: Duration,
    /// Time without received data after which the client sends an HTTP/2 PING, even on an idle
    /// connection. Default: 10 s.
    pub keep_alive_interval: Duration,
    /// Time to wait for data after a PING. If none arrives, the client treats the connection as
    /// dead. Default: 5 s.
    pub keep_alive_timeout: Duration,
    /// Maximum number of attempts of one call. An attempt that the node did not begin to process
    /// does not count if another node is tried next. Default: 3.
    pub max_attempts: u32,
    /// Maximum number of retries, as a percentage of calls. Default: 10.
    pub retry_percent: u32,
    /// Number of retries allowed beyond that percentage in a burst. Default: 100.
    pub retry_reserve: u32,
    /// Maximum size of a message sent or received, in bytes. Default: 4 MiB.
    pub max_message_size: usize,
    /// Compression of requests, unless [the call sets its own](crate::Request::compress). A service
    /// that does not support it refuses the requests. Responses may be compressed with any
    /// algorithm that is compiled in. Default: none.
    pub compression: Option<Compression>,
    /// Maximum number of unread bytes buffered for one stream of responses. When it is reached, the
    /// service has to wait. If the bytes arrive in frames much shorter than 1 KiB, each frame takes
    /// a few hundred bytes more. Default: 512 KiB, enough for 1 GB/s at a round trip of 0.5 ms and
    /// for 10 MB/s at one of 50 ms.
    pub stream_window: usize,
    /// Maximum number of unread bytes buffered for all streams of one connection. While slow
    /// readers fill this buffer, no other call on that connection receives data. Default: 32 MiB.
    pub connection_window: usize,
    /// Maximum number of bytes of partly received messages, for all calls of one connection.
    /// Further responses wait; if too many wait, they fail with `ResourceExhausted`. A single
    /// message may be larger. Default: 64 MiB.
    pub receive_buffer: usize,
    /// Maximum size of the metadata of one call or response, in bytes. Default: 16 KiB.
    pub max_metadata_size: usize,
    /// Maximum number of connections to one node. The client opens another connection when all
    /// streams that the node allows on the first are in use and streaming calls hold at least half
    /// of them. It closes that connection when no call runs on it. Default: 16.
    pub max_connections: usize,
    /// Maximum number of calls that wait for a free stream of one connection. Default: 65,536.
    pub max_queued_calls: usize,
    /// Backoff between probes of an ejected node. Default: 100 ms, doubled for each probe up to 5
    /// s.
    pub probing: Probing,
    /// Time without calls after which the client stops watching a service that has no nodes, or
    /// forgets a fixed address. Default: 60 s.
    pub forget_after: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            strategy: Strategy::default(),
            timeout: Duration::from_secs(30),
            discovery_timeout: Duration::from_secs(5),
            connect_timeout: Duration::from_secs(2),
            failover_after: Duration::from_millis(250),
            keep_alive_interval: Duration::from_secs(10),
            keep_alive_timeout: Duration::from_secs(5),
            max_attempts: 3,
            retry_percent: 10,
            retry_reserve: 100,
            max_message_size: 4 * 1024 * 1024,
            compression: None,
            stream_window: 512 * 1024,
            connection_window: 32 * 1024 * 1024,
            receive_buffer: 64 * 1024 * 1024,
            max_metadata_size: 16 * 1024,
            max_connections: 16,
            max_queued_calls: 65_536,
            probing: Probing::default(),
            forget_after: Duration::from_secs(60),
        }
    }
}
