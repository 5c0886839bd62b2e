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
use tokio::time::{Instant, Sleep, sleep_until};

use crate::activity::{Activity, Phase};
use crate::buffers::Stuck;
use crate::cancelled::Cancelled;
use crate::config::Limits;
use crate::http::HttpService;
use crate::inline::{InlineConnection, InlineExecutor};
use crate::socket::{Protocol, Socket, sniff};
use crate::state::ConnectionState;
use crate::stream_deadline::Stalls;
use micro_core::internal::deadline_after;
use micro_wake::poll_unconstrained;

/// Time that a connection without any request is kept open once the server drains. It is long
/// enough for a request that is already on its way.
const FIRST_REQUEST_GRACE: Duration = Duration::from_millis(500);

/// Time that a draining server waits for peers without a running call: for the acknowledgement of
/// GOAWAY over HTTP/2, and for the rest of a request's head over HTTP/1. It is longer than a round
/// trip.
const DRAIN_ROUND_TRIP: Duration = Duration::from_secs(1);

/// Interval between checks whether the last call of a silent HTTP/2 peer has ended.
const SILENT_CHECK_INTERVAL: Duration = Duration::from_millis(100);

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
    let socket = Socket::new(stream, first, state.server.limits.stall_timeout);
    let served = match protocol {
        Protocol::Http2 => http2(TokioIo::new(socket), Arc::clone(&state)).await,
        Protocol::Http1 => {
            let socket = socket.with_activity(Arc::clone(&state.activity));
            http1(TokioIo::new(socket), Arc::clone(&state)).await
        }
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
    let connection = builder.serve_connection(io, service);
    let connection = InlineConnection::new(connection, queue, stalls, Arc::clone(&state.inline));
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
    let activity = &state.activity;
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        // hyper's timeout does not distinguish an idle connection from an incomplete head.
        .header_read_timeout(None)
        .max_buf_size(limits.max_metadata_size.saturating_add(HEAD_SLACK));
    let mut connection = builder.serve_connection(io, HttpService(Arc::clone(&state)));
    let mut draining = Cancelled::new(state.server.draining.child_token());
    let mut timeout = PhaseTimeout::new(limits);
    let mut ending = None;
    let served = poll_fn(|cx| {
        // The connection is polled first: hyper closes a connection that is shut down before it has
        // read a request without sending a response.
        let mut polled = connection.poll_without_shutdown(cx);
        if polled.is_ready() || matches!(ending, Some(Ending::Shutdown(_))) {
            return polled;
        }
        let is_draining = Pin::new(&mut draining).poll(cx).is_ready();
        if is_draining && !activity.reads_directly() {
            // A request that the system has received is answered.
            activity.read_directly();
            polled = connection.poll_without_shutdown(cx);
            if polled.is_ready() {
                return polled;
            }
        }
        let is_over = timeout.poll(cx, activity, is_draining).is_ready();
        match activity.phase().0 {
            Phase::Head if is_over => {
                ending = Some(Ending::Incomplete);
                return Poll::Ready(Ok(()));
            }
            phase if is_over || (is_draining && phase == Phase::Request) => {
                ending = Some(Ending::Shutdown(phase));
            }
            _ => return Poll::Pending,
        }
        // hyper closes an idle connection, and others after the response, once it is written.
        Pin::new(&mut connection).graceful_shutdown();
        connection.poll_without_shutdown(cx)
    })
    .await;
    let has_responded = match ending {
        // hyper also responds to a head that is too long.
        None => served.as_ref().err().is_none_or(hyper::Error::is_parse),
        Some(Ending::Shutdown(phase)) => phase == Phase::Request && served.is_ok(),
        Some(Ending::Incomplete) => false,
    };
    if has_responded {
        linger(connection.into_parts().io.into_inner()).await;
    }
    served
}

/// Why the server ends an HTTP/1 connection.
enum Ending {
    /// It drains, or the connection was idle for too long. The phase at that time.
    Shutdown(Phase),
    /// The head of a request did not arrive in time.
    Incomplete,
}

/// The timeout of the phase that an HTTP/1 connection is in.
struct PhaseTimeout {
    header: Duration,
    keep_alive: Duration,
    /// The phase, with what distinguishes it from an earlier one of the same kind.
    phase: Option<(Phase, u64, bool)>,
    deadline: Option<Instant>,
    /// Created when first needed. While requests follow each other, it is not reset for each of
    /// them: it is set again when it fires before the deadline.
    timer: Option<Pin<Box<Sleep>>>,
}

impl PhaseTimeout {
    fn new(limits: &Limits) -> Self {
        Self {
            header: limits.header_timeout,
            keep_alive: limits.http1_keep_alive_timeout,
            phase: None,
            deadline: None,
            timer: None,
        }
    }

    /// Resolves when the connection has been in its phase for too long.
    fn poll(
        &mut self,
        cx: &mut std::task::Context<'_>,
        activity: &Activity,
        is_draining: bool,
    ) -> Poll<()> {
        let (phase, requests) = activity.phase();
        let now = Some((phase, requests, is_draining));
        if self.phase != now {
            self.phase = now;
            let limit = match (phase, is_draining) {
                (Phase::Idle, true) => return Poll::Ready(()),
                (Phase::Idle, false) => Some(self.keep_alive),
                (Phase::Head, true) => Some(self.header.min(DRAIN_ROUND_TRIP)),
                (Phase::Head, false) => Some(self.header),
                (Phase::Request, _) => None,
            };
            self.deadline = limit.map(|limit| deadline_after(Instant::now(), limit));
        }
        let Some(deadline) = self.deadline else {
            return Poll::Pending;
        };
        let new = || Box::pin(sleep_until(deadline));
        let timer = self.timer.get_or_insert_with(new);
        if timer.deadline() > deadline {
            timer.as_mut().reset(deadline);
        }
        loop {
            ready!(poll_unconstrained(timer.as_mut(), cx));
            if timer.deadline() >= deadline {
                return Poll::Ready(());
            }
            timer.as_mut().reset(deadline);
        }
    }
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

/// Runs an HTTP/2 connection until it ends, and shuts it down gracefully when the server drains.
async fn until_drained<C: Future<Output = hyper::Result<()>>>(
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
    tokio::select! {
        biased;
        ended = connection => ended,
        () = silent(state) => {
            let address = state.address;
            tracing::debug!(%address, "connection closed: the peer did not acknowledge GOAWAY");
            Ok(())
        }
    }
}

/// Resolves when a connection that has been shut down is idle after the time of a round trip. An
/// idle connection whose peer has acknowledged GOAWAY ends by itself.
async fn silent(state: &ConnectionState) {
    tokio::time::sleep(DRAIN_ROUND_TRIP).await;
    while !state.is_idle() {
        tokio::time::sleep(SILENT_CHECK_INTERVAL).await;
    }
}

/// Maximum size of a header list that HTTP/2 accepts, in bytes. HTTP/2 refuses larger lists without
/// an error message, so this is four times the limit above which the server responds with an error.
fn header_list(limits: &Limits) -> u32 {
    u32::try_from(limits.max_metadata_size.saturating_mul(4)).unwrap_or(u32::MAX)
}
