//! One connection: recognizes its protocol, serves it, ends it gently when the server drains.

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

/// How long a connection that has said nothing yet is kept once the server drains: long enough
/// for a request that is on its way.
const FIRST_REQUEST_GRACE: Duration = Duration::from_millis(500);

/// How long what a peer of HTTP/1 still sends is read and thrown away once it has its answer.
const LINGERING_CLOSE: Duration = Duration::from_secs(1);

/// What of one stream may wait for its handler.
pub(super) const STREAM_WINDOW: u32 = 512 << 10;

/// What of a connection may. HTTP/2 closes a connection on which frames of less than 256 bytes are
/// unread, as each takes more memory than its bytes: by half of this there are 65,536. A stream
/// alone cannot have as many, unless its messages are shorter than three bytes.
pub(super) const CONNECTION_WINDOW: u32 = 32 << 20;

/// Room for the head of an HTTP/1 request beyond the metadata.
const HEAD_SLACK: usize = 16 << 10;

/// Serves a connection to its end.
pub(super) async fn serve(mut stream: TcpStream, state: Arc<ConnectionState>) {
    let address = state.address;
    if let Err(error) = stream.set_nodelay(true) {
        // The peer is gone already.
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

/// Reads the first bytes, for as long as they may take.
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
        // Callers that give up many calls at once are no attackers yet; each call ends as it began.
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
        // First: a connection that is told before it has read anything closes without an answer.
        let polled = connection.poll_without_shutdown(cx);
        if polled.is_ready() || told || Pin::new(&mut draining).poll(cx).is_pending() {
            return polled;
        }
        told = true;
        Pin::new(&mut connection).graceful_shutdown();
        connection.poll_without_shutdown(cx)
    })
    .await;
    // A head that is too long has got its answer as well.
    let answered = served.as_ref().err().is_none_or(hyper::Error::is_parse);
    if !told && answered {
        linger(connection.into_parts().io.into_inner()).await;
    }
    served
}

/// Lets a peer that is still sending read the answer it has been given: bytes that arrive after
/// the end would make its system throw that answer away.
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

/// Runs a connection to its end, telling it when the server drains.
async fn until_drained<C: Future>(
    connection: C,
    state: &ConnectionState,
    graceful_shutdown: fn(Pin<&mut C>),
) -> C::Output {
    let mut connection = pin!(connection);
    // A child of its own: connections do not queue at the server's lock each time they are woken.
    let draining = Cancelled::new(state.server.draining.child_token());
    tokio::select! {
        biased;
        ended = &mut connection => return ended,
        () = draining => graceful_shutdown(connection.as_mut()),
    }
    connection.await
}

/// What HTTP/2 itself refuses, without a word: four times what is refused with one.
fn header_list(limits: &Limits) -> u32 {
    u32::try_from(limits.max_metadata_size.saturating_mul(4)).unwrap_or(u32::MAX)
}
