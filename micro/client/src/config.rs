//! `Config`: strategies, time limits and sizes of a client.

use std::time::Duration;

use crate::selector::{Probing, Strategy};
use micro_wire::Compression;

/// How a client picks nodes, how long it waits, and what it refuses.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Config {
    /// The rule by which nodes are picked. Default: least loaded.
    pub strategy: Strategy,
    /// How long a call may take when neither the call nor its method says so. Default: 30 s.
    pub timeout: Duration,
    /// How long connecting may take, name lookup and handshake included. Default: 2 s, which is
    /// one lost packet on a network and an age on a machine.
    pub connect_timeout: Duration,
    /// How long a call waits for a connection before it goes to another node, if there is one;
    /// connecting goes on. Default: 250 ms.
    pub failover_after: Duration,
    /// A connection on which nothing was read for this long is asked for a sign of life, idle or
    /// not. Default: 10 s.
    pub keep_alive_interval: Duration,
    /// How long that sign may take; then the connection is dead. Default: 5 s.
    pub keep_alive_timeout: Duration,
    /// How many times a call may be sent at most. Default: 3.
    pub max_attempts: u32,
    /// How many attempts may be repetitions, in percent of calls. Default: 10.
    pub retry_percent: u32,
    /// How many repetitions are allowed beyond that percentage at once. Default: 100.
    pub retry_reserve: u32,
    /// The longest message, sent or received, in bytes. Default: 4 MiB.
    pub max_message_size: usize,
    /// How requests are compressed, unless the call says otherwise; a service that does not know
    /// how refuses them. Replies are taken compressed by whatever is compiled in. Default: not.
    pub compression: Option<Compression>,
    /// How many bytes of a stream of replies may wait for their reader; then the service has to
    /// wait. Where they came in frames much shorter than 1 KiB they take a few hundred bytes each
    /// beside that. Default: 512 KiB, good for 1 GB/s at a round trip of 0.5 ms and 10 MB/s at
    /// one of 50 ms.
    pub stream_window: usize,
    /// The same for all streams of one connection. When all of it waits for slow readers, nobody
    /// else receives anything on that connection. Default: 32 MiB.
    pub connection_window: usize,
    /// How many bytes of messages the calls of one connection may have received in part; further
    /// replies wait, and end with `ResourceExhausted` when too many do. A single message may be
    /// larger. Default: 64 MiB.
    pub receive_buffer: usize,
    /// The most metadata of one call or reply, in bytes. Default: 16 KiB.
    pub max_metadata_size: usize,
    /// How many connections to one node there may be. A second one is opened when streams have
    /// taken half or more of what the node allows on the first and calls the rest, and closed when
    /// nothing runs on it. Default: 16.
    pub max_connections: usize,
    /// How many calls may wait for a free stream of one connection. Default: 65,536.
    pub max_queued_calls: usize,
    /// How ejected nodes are probed. Default: after 100 ms, then twice as long each time, at most
    /// 5 s.
    pub probing: Probing,
    /// A service without nodes that nobody calls for this long is no longer watched, and neither
    /// is an address that nobody calls. Default: 60 s.
    pub forget_after: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            strategy: Strategy::default(),
            timeout: Duration::from_secs(30),
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
