//! Opens a connection: TCP, then HTTP/2 up to the peer's first SETTINGS frame.
//!
//! Waiting for that frame detects a peer that is not a gRPC server before any call is sent. If
//! there were another protocol, it would be selected here.

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

/// Factor between the connection window and h2's budget for short data frames. h2 closes a
/// connection with too many unread frames of less than 256 bytes, as each takes more memory than
/// its payload. h2's default budget suffices for a few slow readers of short messages; this factor
/// allows a million frames.
const SHORT_FRAME_FACTOR: usize = 8;
/// Maximum number of bytes of one stream of requests that wait for the socket.
const SEND_BUFFER: usize = 128 * 1024;
/// Bytes allowed for the status message and details, in addition to the metadata.
const STATUS_ROOM: usize = 32 * 1024;

/// Opens a connection that sends keep-alive pings at this interval. Does not apply the connect
/// timeout; the caller does.
///
/// # Errors
///
/// Returns the reason, worded to follow "cannot connect".
pub(crate) async fn connect(
    address: &str,
    config: &Config,
    interval: Duration,
) -> Result<(Connection, Driver), String> {
    let authority: Authority = address
        .parse()
        .map_err(|_| format!("`{}` is not an address", address.escape_debug()))?;
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
        // No streams until the peer has announced its limit. The change of this value shows that
        // its SETTINGS have arrived.
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

/// Clamps a window to the range that HTTP/2 allows.
fn window(bytes: usize) -> u32 {
    const MAX_WINDOW: u32 = (1 << 31) - 1;
    u32::try_from(bytes)
        .unwrap_or(MAX_WINDOW)
        .clamp(1, MAX_WINDOW)
}

/// Returns the text of an I/O error, without the number of the OS error.
fn io_message(error: &io::Error) -> String {
    match error.raw_os_error() {
        // Kinds without a name of their own have the text "uncategorized error".
        Some(_) if error.kind().to_string() != "uncategorized error" => error.kind().to_string(),
        _ => error.to_string(),
    }
}

fn h2_message(error: &h2::Error) -> String {
    match error.get_io() {
        Some(error) => io_message(error),
        None => format!("the peer does not support HTTP/2: {error}"),
    }
}
