//! One connection: detects its protocol, serves its requests, and shuts it down gracefully when the
//! server drains.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Poll, ready};
use std::time::Duration;

use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::buffers::Stuck;
use crate::cancelled::Cancelled;
use crate::config::Limits;
use crate::http::HttpService;
use crate::inline::{InlineConnection, InlineExecutor};
use crate::socket::{Protocol, Socket, sniff};
use crate::state::ConnectionState;
use crate::stream_deadline::Stalls;

/// Time that a connection without any request is kept open once the server drains. It is long
/// enough for a request that is already on its way.
const FIRST_REQUEST_GRACE: Duration = Duration::from_millis(500);

/// Time during which the server discards what an HTTP/1 peer still sends after its response.
const LINGERING_CLOSE: Duration = Duration::from_secs(1);

/// Flow-control window of a stream, in bytes: data that may wait for the handler.
pub(super) const STREAM_WINDOW: u32 = 512 << 10;

/// Flow-control window of a connection, in bytes. HTTP/2 closes a connection with too many unread
/// frames of less than 256 bytes, because each takes more memory than its bytes; with this window
/// the limit is 65,536 frames. A single stream cannot reach it unless its messages are shorter than
/// three bytes.
pub(super) const CONNECTION_WINDOW: u32 = 32 << 20;

/// Space for the head of an HTTP/1 request in addition to the metadata, in bytes.
const HEAD_SLACK: usize = 16 << 10;

/// Serves a connection until it ends.
pub(super) async fn serve(mut stream: TcpStream, state: Arc<ConnectionState>) {
    let address = state.address;
    if let Err(error) = stream.set_nodelay(true) {
        // The peer has already disconnected.
        tracing::debug!(%address, %error, "connection closed");
        return;
    }
    let Some((protocol, first)) = read_protocol(&mut stream, &state).await else {
        return;
    };
    let io = TokioIo::new(Socket::new(
        stream,
        first,
        state.server.limits.stall_timeout,
    ));
    let served = match protocol {
        Protocol::Http2 => http2(io, Arc::clone(&state)).await,
        Protocol::Http1 => http1(io, Arc::clone(&state)).await,
        Protocol::Tls => {
            tracing::debug!(%address, "connection closed: TLS on a port without TLS");
            return;
        }
        Protocol::Unknown => {
            tracing::debug!(%address, "connection closed: no protocol of this port");
            return;
        }
    };
    match served {
        Ok(()) => tracing::debug!(%address, ?protocol, "connection closed"),
        Err(error) => {
            let error =
                micro_message::error::Error::unavailable("connection broken").with_source(error);
            tracing::debug!(%address, ?protocol, error = error.chain(), "connection closed");
        }
    }
}

/// Reads the first bytes and detects the protocol. Returns `None` when the peer disconnects, at
/// `header_timeout`, or when the server drains.
async fn read_protocol(
    stream: &mut TcpStream,
    state: &ConnectionState,
) -> Option<(Protocol, bytes::BytesMut)> {
    let address = state.address;
    let server = &state.server;
    let draining = server.draining.clone().cancelled_owned();
    let drained = async {
        draining.await;
        tokio::time::sleep(FIRST_REQUEST_GRACE).await;
    };
    tokio::select! {
        sniffed = tokio::time::timeout(server.limits.header_timeout, sniff(stream)) => {
            match sniffed {
                Ok(Ok(found)) => return found,
                Ok(Err(error)) => tracing::debug!(%address, %error, "connection closed"),
                Err(_) => tracing::debug!(%address, "connection closed: it said nothing in time"),
            }
        }
        () = drained => tracing::debug!(%address, "connection closed: draining"),
    }
    None
}

async fn http2(io: TokioIo<Socket>, state: Arc<ConnectionState>) -> hyper::Result<()> {
    let limits = &state.server.limits;
    let queue = InlineExecutor::default();
    let mut builder = http2::Builder::new(queue.clone());
    builder
        .timer(TokioTimer::new())
        .auto_date_header(false)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(1 << 20)
        .max_concurrent_streams(limits.max_streams)
        // A client that cancels many calls at once is not an attacker: each call ends as it began.
        .max_pending_accept_reset_streams(limits.max_streams.max(20) as usize)
        .max_header_list_size(header_list(limits))
        .keep_alive_interval(limits.keep_alive_interval)
        .keep_alive_timeout(limits.keep_alive_timeout);
    let service = HttpService(Arc::clone(&state));
    let stalls = Stalls::new(limits.stall_timeout, &state.buffers.send);
    let connection = InlineConnection::new(builder.serve_connection(io, service), queue, stalls);
    let mut running = pin!(until_drained(connection, &state, |mut connection| {
        connection.connection().graceful_shutdown();
    }));
    let mut stuck = Stuck::new(&state.buffers);
    poll_fn(|cx| {
        if let Poll::Ready(served) = running.as_mut().poll(cx) {
            return Poll::Ready(served);
        }
        ready!(stuck.poll(cx));
        let address = state.address;
        tracing::debug!(%address, "connection closed: the peer takes none of its responses");
        Poll::Ready(Ok(()))
    })
    .await
}

async fn http1(io: TokioIo<Socket>, state: Arc<ConnectionState>) -> hyper::Result<()> {
    let limits = &state.server.limits;
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_timeout)
        .max_buf_size(limits.max_metadata_size.saturating_add(HEAD_SLACK));
    let mut connection = builder.serve_connection(io, HttpService(Arc::clone(&state)));
    let mut draining = Cancelled::new(state.server.draining.child_token());
    let mut told = false;
    let served = poll_fn(|cx| {
        // The connection is polled first: hyper closes a connection that is shut down before it has
        // read a request without sending a response.
        let polled = connection.poll_without_shutdown(cx);
        if polled.is_ready() || told || Pin::new(&mut draining).poll(cx).is_pending() {
            return polled;
        }
        told = true;
        Pin::new(&mut connection).graceful_shutdown();
        connection.poll_without_shutdown(cx)
    })
    .await;
    // hyper also responds to a head that is too long.
    let answered = served.as_ref().err().is_none_or(hyper::Error::is_parse);
    if !told && answered {
        linger(connection.into_parts().io.into_inner()).await;
    }
    served
}

/// Reads and discards what the peer still sends, so that it can read its response: if bytes arrive
/// after the socket is closed, the peer's system discards the response.
async fn linger(mut socket: Socket) {
    let mut rest = vec![0; 16 << 10];
    let reading = async {
        socket.shutdown().await?;
        while socket.read(&mut rest).await? > 0 {}
        Ok::<_, std::io::Error>(())
    };
    match tokio::time::timeout(LINGERING_CLOSE, reading).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::trace!(%error, "connection ended while it was closed"),
        Err(_) => tracing::trace!("connection closed while its peer was sending"),
    }
}

/// Runs a connection until it ends, and starts its graceful shutdown when the server drains.
async fn until_drained<C: Future>(
    connection: C,
    state: &ConnectionState,
    graceful_shutdown: fn(Pin<&mut C>),
) -> C::Output {
    let mut connection = pin!(connection);
    // Each connection has a child token of its own, so that connections do not contend for the lock
    // of the server's token whenever they are woken.
    let draining = Cancelled::new(state.server.draining.child_token());
    tokio::select! {
        biased;
        ended = &mut connection => return ended,
        () = draining => graceful_shutdown(connection.as_mut()),
    }
    connection.await
}

/// Maximum size of a header list that HTTP/2 accepts, in bytes. HTTP/2 refuses larger lists without
/// an error message, so this is four times the limit above which the server responds with an error.
fn header_list(limits: &Limits) -> u32 {
    u32::try_from(limits.max_metadata_size.saturating_mul(4)).unwrap_or(u32::MAX)
}
