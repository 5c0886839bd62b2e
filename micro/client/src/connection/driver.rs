//! Driver of a connection: sends and receives its frames, and detects a dead peer. The driver runs
//! in a task; calls poll it as well while there are few of them.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use h2::client::Connection as H2Connection;
use h2::{Ping, PingPong};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep};

use crate::connection::Shared;
use crate::connection::observed_io::ObservedIo;
use micro_wake::{FutureOwner, SharedFuture, share};

/// How a connection ended.
#[derive(Debug)]
pub(crate) struct End {
    /// Whether either side closed the connection gracefully and no call was interrupted.
    pub(crate) clean: bool,
    /// Whether the peer closed the connection because of too many pings (`ENHANCE_YOUR_CALM`).
    pub(crate) pestered: bool,
    /// What happened, worded to follow "the connection".
    pub(crate) text: String,
}

/// The task of one connection, to be spawned by the caller of `connect`.
pub(crate) struct Driver {
    moving: FutureOwner<ConnectionDriver>,
    shared: Arc<Shared>,
    /// Whether the last poll yielded to the tasks of the calls.
    yielded: bool,
}

/// Drives one HTTP/2 connection: sends and receives frames, and sends keep-alive pings.
pub(super) struct ConnectionDriver {
    frames: H2Connection<ObservedIo<TcpStream>, Bytes>,
    shared: Arc<Shared>,
    pings: PingPong,
    interval: Duration,
    timeout: Duration,
    /// Fires when the time of the last received data has to be checked.
    timer: Pin<Box<Sleep>>,
    /// When the outstanding ping was sent.
    pinged: Option<Instant>,
}

impl Driver {
    pub(super) fn new(
        frames: H2Connection<ObservedIo<TcpStream>, Bytes>,
        pings: PingPong,
        shared: Arc<Shared>,
        interval: Duration,
        timeout: Duration,
    ) -> (Self, Arc<SharedFuture<ConnectionDriver>>) {
        let (moving, others) = share(ConnectionDriver {
            frames,
            shared: Arc::clone(&shared),
            pings,
            interval,
            timeout,
            timer: Box::pin(sleep(interval)),
            pinged: None,
        });
        let driver = Self {
            moving,
            shared,
            yielded: false,
        };
        (driver, others)
    }

    /// Runs until the connection has ended. Calls that are still running on it then fail.
    pub(crate) async fn run(mut self) -> End {
        let end = poll_fn(|cx| self.poll(cx)).await;
        self.shared.limiter.close();
        end
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        // With many concurrent calls, each wake-up comes from one of them. Yielding first lets the
        // others queue their frames as well, so that one poll sends and receives many frames.
        self.yielded = !self.yielded && self.shared.moves_in_batches();
        if self.yielded {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Pin::new(&mut self.moving).poll(cx)
    }
}

impl Future for ConnectionDriver {
    type Output = End;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<End> {
        let end = ready!(self.poll_end(cx));
        // Set before the calls fail, so that their errors can contain the reason.
        let _ = self.shared.end.set(end.text.clone()); // Never set before: a connection ends once.
        Poll::Ready(end)
    }
}

impl ConnectionDriver {
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        loop {
            if let Poll::Ready(ended) = Pin::new(&mut self.frames).poll(cx) {
                return Poll::Ready(self.ended(ended));
            }
            if self.shared.limiter.has_waiters() {
                let limit = self.frames.max_concurrent_send_streams();
                self.shared.limiter.set_limit(limit);
            }
            if self.pinged.is_some() && self.pings.poll_pong(cx).is_ready() {
                self.pinged = None;
                self.timer.as_mut().reset(Instant::now() + self.interval);
            }
            if self.shared.suspect.load(Ordering::Relaxed) {
                self.shared.suspect.store(false, Ordering::Relaxed);
                if self.pinged.is_none() {
                    self.ping();
                    continue;
                }
            }
            if self.timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            if let Some(end) = self.look() {
                return Poll::Ready(end);
            }
        }
    }

    fn ended(&self, ended: Result<(), h2::Error>) -> End {
        let calm = Some(h2::Reason::ENHANCE_YOUR_CALM);
        match ended {
            Ok(()) => End {
                clean: self.shared.limiter.running() == 0,
                ..End::new("was closed")
            },
            Err(error) => End {
                pestered: error.is_remote() && error.reason() == calm,
                ..End::new(format!("broke: {error}"))
            },
        }
    }

    /// Checks, when the timer fires, whether the peer has sent data.
    fn look(&mut self) -> Option<End> {
        let (now, read) = (Instant::now(), self.shared.seen.last_read());
        match self.pinged {
            None if now.duration_since(read) >= self.interval => self.ping(),
            None => self.timer.as_mut().reset(read + self.interval),
            // Data other than the pong also shows that the peer is alive.
            Some(pinged) if read > pinged => {
                self.pinged = Some(now);
                self.timer.as_mut().reset(now + self.timeout);
            }
            Some(_) => {
                let text = format!(
                    "timed out: no ping was answered within {:?} (`keep_alive_timeout`)",
                    self.timeout
                );
                return Some(End::new(text));
            }
        }
        None
    }

    fn ping(&mut self) {
        let now = Instant::now();
        if let Err(error) = self.pings.send_ping(Ping::opaque()) {
            // The connection is closing. Polling the frames returns how it ended.
            tracing::trace!(%error, "no ping on a closing connection");
            self.timer.as_mut().reset(now + self.interval);
            return;
        }
        self.pinged = Some(now);
        self.timer.as_mut().reset(now + self.timeout);
    }
}

impl End {
    fn new(text: impl Into<String>) -> Self {
        Self {
            clean: false,
            pestered: false,
            text: text.into(),
        }
    }
}
