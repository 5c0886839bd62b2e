//! What a connection may hold in memory: bytes of requests that have been received and not yet
//! handed to a handler, and bytes of responses that the peer has not taken yet.
//!
//! # Requests
//!
//! A message that does not arrive in one piece reserves its length, which its prefix announces,
//! before more of it is read. What is reserved can always be completed: messages that find no room
//! wait unread, so that HTTP/2's flow control holds the peer back, and no half of one keeps out the
//! other half of another. So many may wait that their unread bytes leave half of the connection's
//! window to those that have room; further ones are refused. A message without progress is
//! given up after `stall_timeout`, and so is the wait.
//!
//! In the server's total a message counts as far as it has been received: announcements are free.
//!
//! # Responses
//!
//! A response counts from when it is encoded until its last byte has been written to the socket:
//! its bytes own what they hold. While a connection holds more than half of what it may, further
//! requests wait before their handlers run; a response that finds no room at all becomes an error.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::Bytes;
use micro_core::internal::deadline_after;
use micro_message::error::{Error, Result};
use micro_wake::sync::Mutex;
use micro_wake::{ByteBudget, Claim, Full, Held, Total, poll_unconstrained};
use tokio::time::{Instant, Sleep, sleep};

use crate::config::Limits;
use crate::connection::{CONNECTION_WINDOW, STREAM_WINDOW};
use crate::timeouts::StallTimer;

/// What a connection may hold before anything counts in the server's total: ordinary calls neither
/// touch what all connections share nor fail when that is full.
const FREE: usize = 64 << 10;

/// A response shorter than this does not count.
const SMALL: usize = 1 << 10;

/// Of a response that is longer than this, HTTP/2 is given a piece at a time, and its end when all
/// of it has been taken: until then the stream can be reset. It costs a wake-up of its task.
const LARGE: usize = 256 << 10;

/// The longest piece of such a response.
const PIECE: usize = 64 << 10;

/// How many messages of a connection may wait for room: by half of the connection's window.
const WAITING: usize = (CONNECTION_WINDOW / STREAM_WINDOW / 2) as usize;

/// What all connections of a server may hold together.
#[derive(Debug)]
pub(super) struct Totals {
    pub(super) receive: Arc<Total>,
    pub(super) send: Arc<Total>,
}

impl Totals {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            receive: Total::new(limits.server_receive_buffer),
            send: Total::new(limits.server_send_buffer),
        }
    }
}

/// What one connection may hold.
#[derive(Debug)]
pub(super) struct Buffers {
    receive: Arc<ByteBudget>,
    pub(super) send: Arc<ByteBudget>,
    stall_timeout: Duration,
}

impl Buffers {
    pub(super) fn new(limits: &Limits, totals: &Totals) -> Self {
        let waiting = (WAITING, STREAM_WINDOW as usize);
        Self {
            receive: ByteBudget::new(
                limits.connection_receive_buffer,
                FREE,
                &totals.receive,
                waiting,
            ),
            send: ByteBudget::new(
                limits.connection_send_buffer,
                FREE,
                &totals.send,
                // As many as there may be calls at once; what they keep waits in the window.
                (usize::try_from(limits.max_streams).unwrap_or(usize::MAX), 0),
            ),
            stall_timeout: limits.stall_timeout,
        }
    }

    /// The room of a request that is about to be read.
    pub(super) fn intake(&self) -> Intake {
        Intake {
            budget: Arc::clone(&self.receive),
            held: None,
            claim: None,
            stall: StallTimer::new(self.stall_timeout),
        }
    }

    /// Waits until the peer has taken enough of what it was sent to be sent more.
    ///
    /// # Errors
    ///
    /// That it does not in time, or that the server has no room.
    pub(super) async fn room(&self) -> Result<()> {
        let (mut claim, mut stall) = (Claim::new(&self.send), StallTimer::new(self.stall_timeout));
        let room = poll_fn(|cx| {
            if let Poll::Ready(room) = claim.poll_room(cx) {
                return Poll::Ready(room);
            }
            ready!(stall.poll(cx));
            Poll::Ready(Err(Full::ByteBudget(self.send.limit())))
        });
        room.await.map_err(not_taken)
    }

    /// A whole response that the peer is to take.
    ///
    /// # Errors
    ///
    /// That there is no room for it.
    pub(super) fn response(&self, bytes: Vec<u8>) -> Result<Outgoing> {
        if bytes.len() < SMALL {
            return Ok(Outgoing::new(bytes));
        }
        let held = self.send.hold(bytes.len()).map_err(not_taken)?;
        let taken = (bytes.len() > LARGE).then(Arc::<Taken>::default);
        let owner = Owner {
            bytes,
            _held: held,
            taken: taken.clone(),
        };
        Ok(Outgoing {
            bytes: Bytes::from_owner(owner),
            taken,
        })
    }
}

/// A piece of a response that is a stream. A stream is never more than two pieces ahead of its
/// peer; only the server's total can have no room.
///
/// # Errors
///
/// That it has none.
pub(super) fn piece(send: &Arc<ByteBudget>, bytes: Vec<u8>) -> Result<Bytes> {
    if bytes.len() < SMALL {
        return Ok(bytes.into());
    }
    let mut held = send.reserve_present(bytes.len());
    held.count(bytes.len()).map_err(not_taken)?;
    Ok(Bytes::from_owner(Owner {
        bytes,
        _held: held,
        taken: None,
    }))
}

/// The bytes of a whole response, on their way to the peer.
#[derive(Debug)]
pub(super) struct Outgoing {
    bytes: Bytes,
    /// Where it is told that they have been taken; none where the end need not wait for that.
    taken: Option<Arc<Taken>>,
}

impl Outgoing {
    /// Bytes that do not count.
    pub(super) fn new(bytes: impl Into<Bytes>) -> Self {
        Self {
            bytes: bytes.into(),
            taken: None,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// The next piece, and what follows it. HTTP/2 asks for a piece when the peer has room for
    /// more than the last one: that shows its progress.
    pub(super) fn split(mut self) -> (Bytes, Rest) {
        match self.taken.take() {
            None => (self.bytes, Rest::Nothing),
            Some(taken) if self.bytes.len() <= PIECE => (self.bytes, Rest::Taken(taken)),
            taken => {
                let piece = self.bytes.split_to(PIECE);
                let bytes = self.bytes;
                (piece, Rest::More(Self { bytes, taken }))
            }
        }
    }
}

/// What follows a piece.
#[derive(Debug)]
pub(super) enum Rest {
    /// The end.
    Nothing,
    More(Outgoing),
    /// The end, once all of it has been taken.
    Taken(Arc<Taken>),
}

/// Whether the bytes of a response have been written to the socket.
#[derive(Debug, Default)]
pub(super) struct Taken(Mutex<Waiter>);

#[derive(Debug, Default)]
struct Waiter {
    is_over: bool,
    waker: Option<Waker>,
}

impl Taken {
    pub(super) fn poll(&self, cx: &Context<'_>) -> Poll<()> {
        let mut waiter = self.0.lock();
        if waiter.is_over {
            return Poll::Ready(());
        }
        waiter.waker = Some(cx.waker().clone());
        Poll::Pending
    }
}

/// Bytes that count until they are dropped.
struct Owner {
    bytes: Vec<u8>,
    _held: Held,
    taken: Option<Arc<Taken>>,
}

impl AsRef<[u8]> for Owner {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        let Some(taken) = &self.taken else { return };
        let mut waiter = taken.0.lock();
        waiter.is_over = true;
        let waker = waiter.waker.take();
        drop(waiter);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// Ends a connection whose peer takes nothing of what it was sent, where that is much.
///
/// A stream ends by itself while its response is with it (`stream_deadline`). What HTTP/2 has
/// already queued belongs to no stream's task any more: a response of up to 256 KiB of which
/// the peer takes a part.
#[derive(Debug)]
pub(super) struct Stuck {
    send: Arc<ByteBudget>,
    stall_timeout: Duration,
    /// What had been released when the wait began.
    since: Option<(usize, Pin<Box<Sleep>>)>,
}

impl Stuck {
    pub(super) fn new(buffers: &Buffers) -> Self {
        Self {
            send: Arc::clone(&buffers.send),
            stall_timeout: buffers.stall_timeout,
            since: None,
        }
    }

    /// Resolves when nothing was taken for too long; to be polled whenever the connection is.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.send.held() <= FREE || !self.send.is_tight() {
            self.since = None;
            return Poll::Pending;
        }
        let released = self.send.released();
        let timeout = self.stall_timeout;
        let new = || (released, Box::pin(sleep(timeout)));
        let (before, waiting) = self.since.get_or_insert_with(new);
        if *before != released {
            *before = released;
            waiting
                .as_mut()
                .reset(deadline_after(Instant::now(), timeout));
        }
        poll_unconstrained(waiting.as_mut(), cx)
    }
}

/// The room of one request: for its message at hand, while it is received.
#[derive(Debug)]
pub(super) struct Intake {
    budget: Arc<ByteBudget>,
    held: Option<Held>,
    claim: Option<Claim>,
    stall: StallTimer,
}

impl Intake {
    /// Reserves room for a message of a length, of which so much is here. Waits for it, unless
    /// there is some already that has to grow.
    ///
    /// # Errors
    ///
    /// That the connection has no room in time, or the server none at all.
    pub(super) fn poll_reserve(
        &mut self,
        cx: &mut Context<'_>,
        length: usize,
        here: usize,
    ) -> Poll<Result<()>> {
        if let Some(held) = &mut self.held {
            let more = length.saturating_sub(held.bytes());
            if more > 0 {
                held.grow(more).map_err(full)?;
            }
        } else {
            let claim = self.claim.get_or_insert_with(|| Claim::new(&self.budget));
            let Poll::Ready(reserved) = claim.poll_reserve(cx, length) else {
                ready!(self.stall.poll(cx));
                return Poll::Ready(Err(full(Full::ByteBudget(self.budget.limit()))));
            };
            self.claim = None;
            self.stall.progress();
            self.held = Some(reserved.map_err(full)?);
        }
        let counted = here.saturating_mul(2).min(length);
        let held = self.held.as_mut().map(|held| held.count(counted));
        Poll::Ready(held.unwrap_or(Ok(())).map_err(full))
    }

    /// Counts a message that is here, and has to wait, unless it counts already.
    ///
    /// # Errors
    ///
    /// That the server has no room.
    pub(super) fn hold(&mut self, bytes: usize) -> Result<()> {
        if self.held.is_some() {
            return Ok(());
        }
        let held = self.held.insert(self.budget.reserve_present(bytes));
        held.count(bytes).map_err(full)
    }

    /// The message has been handed over.
    pub(super) fn release(&mut self) {
        self.held = None;
    }

    /// Something has been received.
    pub(super) fn progress(&mut self) {
        self.stall.progress();
    }

    /// Resolves when nothing has been received for too long.
    pub(super) fn poll_stalled(&mut self, cx: &mut Context<'_>) -> Poll<Error> {
        let timeout = ready!(self.stall.poll(cx));
        Poll::Ready(Error::deadline_exceeded(format!(
            "the request made no progress for {timeout:?}"
        )))
    }
}

/// The error for a request that finds no room. What the server has none for, another may have:
/// that alone is `Unavailable`.
fn full(full: Full) -> Error {
    match full {
        Full::ByteBudget(limit) => Error::resource_exhausted(format!(
            "the connection's receive buffer is full: its half-received messages take {limit} \
             bytes; send fewer large messages at once, or raise the setting \
             `limits.connection_receive_buffer`"
        )),
        Full::Total(limit) => Error::unavailable(format!(
            "the server's receive buffer is full: half-received messages take {limit} bytes \
             (setting `limits.server_receive_buffer`)"
        )),
    }
}

/// The error for a call whose response finds no room.
pub(super) fn not_taken(full: Full) -> Error {
    match full {
        Full::ByteBudget(limit) => Error::resource_exhausted(format!(
            "the connection's send buffer is full: the peer takes too little of the responses; \
             they may take {limit} bytes (setting `limits.connection_send_buffer`)"
        )),
        Full::Total(limit) => Error::unavailable(format!(
            "the server's send buffer is full: responses that nobody has taken yet take {limit} \
             bytes (setting `limits.server_send_buffer`)"
        )),
    }
}
