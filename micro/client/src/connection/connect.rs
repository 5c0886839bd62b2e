//! Opening a connection: TCP, then HTTP/2 until the peer's first SETTINGS frame.
//!
//! Waiting for that frame tells a gRPC server from whatever else listens there, before any call
//! is sent. Another protocol of ours would be chosen here.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};
use std::task::Poll;
use std::time::Duration;

use h2::client::Builder;
use http::uri::Authority;
use micro_wake::sync::Mutex;
use tokio::net::TcpStream;

use crate::config::Config;
use crate::connection::driver::Driver;
use crate::connection::observed_io::ObservedIo;
use crate::connection::stream_limiter::StreamLimiter;
use crate::connection::{Connection, Shared, room};

/// HTTP/2 closes a connection on which frames of less than 256 bytes are unread, as each takes more
/// memory than its bytes. The default bears a few slow readers of short messages; this many times
/// the connection's window bears a million frames.
const SHORT_FRAME_FACTOR: usize = 8;
/// How much of a stream of requests may wait for the socket.
const SEND_BUFFER: usize = 128 * 1024;
/// Room for status message and details beside the metadata.
const STATUS_ROOM: usize = 32 * 1024;

/// Opens a connection that is kept alive at this interval. Does not limit its time.
///
/// # Errors
///
/// What went wrong, to follow "cannot connect".
pub(crate) async fn connect(
    address: &str,
    config: &Config,
    interval: Duration,
) -> Result<(Connection, Driver), String> {
    let authority: Authority = address
        .parse()
        .map_err(|_| format!("`{}` is no address", address.escape_debug()))?;
    let tcp = TcpStream::connect(address)
        .await
        .map_err(|e| io_message(&e))?;
    tcp.set_nodelay(true).map_err(|e| io_message(&e))?;
    let (io, seen) = ObservedIo::new(tcp);
    let list = u32::try_from(config.max_metadata_size + STATUS_ROOM).unwrap_or(u32::MAX);
    let handshake = Builder::new()
        .initial_window_size(window(config.stream_window))
        .initial_connection_window_size(window(config.connection_window))
        .data_frame_budget(config.connection_window.saturating_mul(SHORT_FRAME_FACTOR))
        .max_send_buffer_size(SEND_BUFFER)
        .max_header_list_size(list)
        .enable_push(false)
        // None until the peer has said how many: that is also how its SETTINGS are noticed.
        .initial_max_send_streams(0)
        .handshake(io);
    let (sender, mut frames) = handshake.await.map_err(|e| h2_message(&e))?;
    let limit = poll_fn(|cx| match Pin::new(&mut frames).poll(cx) {
        Poll::Ready(Ok(())) => Poll::Ready(Err("the peer closed the connection".to_owned())),
        Poll::Ready(Err(error)) => Poll::Ready(Err(h2_message(&error))),
        Poll::Pending => match frames.max_concurrent_send_streams() {
            0 => Poll::Pending,
            limit => Poll::Ready(Ok(limit)),
        },
    });
    let limit = limit.await?;
    let pings = frames.ping_pong().expect("asked for once");
    let shared = Arc::new(Shared {
        limiter: StreamLimiter::new(limit, config.max_queued_calls),
        seen,
        suspect: AtomicBool::new(false),
        end: OnceLock::new(),
    });
    let timeout = config.keep_alive_timeout;
    let (driver, moving) = Driver::new(frames, pings, Arc::clone(&shared), interval, timeout);
    let connection = Connection {
        sender: Mutex::new(sender),
        shared,
        moving,
        authority,
        receive: room::budget(config),
    };
    Ok((connection, driver))
}

/// A window as HTTP/2 allows it.
fn window(bytes: usize) -> u32 {
    const MAX_WINDOW: u32 = (1 << 31) - 1;
    u32::try_from(bytes)
        .unwrap_or(MAX_WINDOW)
        .clamp(1, MAX_WINDOW)
}

/// What the system says, in our words: without the number of its error.
fn io_message(error: &io::Error) -> String {
    match error.raw_os_error() {
        // Kinds without a name of their own read "uncategorized error".
        Some(_) if error.kind().to_string() != "uncategorized error" => error.kind().to_string(),
        _ => error.to_string(),
    }
}

fn h2_message(error: &h2::Error) -> String {
    match error.get_io() {
        Some(error) => io_message(error),
        None => format!("the peer does not speak HTTP/2: {error}"),
    }
}
