//! Limits on the memory of a connection: bytes of requests that have been received but not handed
//! to a handler, bytes of requests whose handlers run, and bytes of responses that the peer has not
//! taken yet.
//!
//! # Requests
//!
//! A message that does not arrive in one piece reserves its full length, which its prefix
//! announces, before more of it is read. A message with a reservation can therefore always be
//! completed, and two incomplete messages cannot block each other. A message that finds no room
//! waits unread, so HTTP/2's flow control holds the peer back. The number of waiting messages is
//! limited such that their unread bytes fill at most half of the connection's window; the other
//! half is left to messages with a reservation. Further messages are refused. A message that makes
//! no progress for `stall_timeout` fails, and so does a wait of that length.
//!
//! The server's total counts only the bytes of a message that have been received, not its announced
//! length.
//!
//! The only message of a request is then counted while its handler runs. A compressed message is
//! small on the wire, so it reserves the maximum size of a message before it is decompressed, and
//! then keeps its actual size. A complete message that finds no room waits, and keeps its
//! reservation among the received ones. Messages below 16 KiB are not counted: the number of
//! concurrent calls bounds them. Messages of a stream of requests are not counted either.
//!
//! # Responses
//!
//! A response is counted from when it is encoded until its last byte has been written to the
//! socket, because the reservation is owned by its bytes. While a connection holds more than half
//! of its limit, further requests wait before their handlers run. A response that finds no room
//! becomes an error.

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

/// Bytes that a connection may hold before they count in the server's total. Ordinary calls thus
/// neither touch the shared counter nor fail when it is full.
const FREE: usize = 64 << 10;

/// Minimum size of a response that is counted, in bytes.
const SMALL: usize = 1 << 10;

/// Minimum size of a request that is counted while its handler runs, in bytes. Ordinary calls touch
/// no counter.
pub(super) const COUNTED_REQUEST: usize = 16 << 10;

/// Responses longer than this are handed to HTTP/2 in pieces, and their end only once all bytes
/// have been taken, so that the stream can be reset until then. This costs a wake-up of the
/// stream's task.
const LARGE: usize = 256 << 10;

/// Maximum size of such a piece, in bytes.
const PIECE: usize = 64 << 10;

/// Maximum number of messages of a connection that wait for room. Together they fill at most half
/// of the connection's window.
const WAITING: usize = (CONNECTION_WINDOW / STREAM_WINDOW / 2) as usize;

/// Limits for all connections of a server together.
#[derive(Debug)]
pub(super) struct Totals {
    pub(super) receive: Arc<Total>,
    pub(super) requests: Arc<Total>,
    pub(super) send: Arc<Total>,
}

impl Totals {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            receive: Total::new(limits.server_receive_buffer),
            requests: Total::new(limits.server_request_buffer),
            send: Total::new(limits.server_send_buffer),
        }
    }
}

/// Limits of one connection.
#[derive(Debug)]
pub(super) struct Buffers {
    receive: Arc<ByteBudget>,
    requests: Arc<ByteBudget>,
    pub(super) send: Arc<ByteBudget>,
    stall_timeout: Duration,
}

impl Buffers {
    pub(super) fn new(limits: &Limits, totals: &Totals) -> Self {
        let waiting = (WAITING, STREAM_WINDOW as usize);
        // Every concurrent call may wait. Its request data waits in the flow-control window.
        let all_calls = (usize::try_from(limits.max_streams).unwrap_or(usize::MAX), 0);
        Self {
            receive: ByteBudget::new(
                limits.connection_receive_buffer,
                FREE,
                &totals.receive,
                waiting,
            ),
            send: ByteBudget::new(limits.connection_send_buffer, FREE, &totals.send, all_calls),
            requests: ByteBudget::new(
                limits.connection_request_buffer,
                FREE,
                &totals.requests,
                all_calls,
            ),
            stall_timeout: limits.stall_timeout,
        }
    }

    /// Returns the receive buffer of a request that is about to be read.
    pub(super) fn intake(&self) -> Intake {
        Intake {
            budget: Arc::clone(&self.receive),
            held: None,
            claim: None,
            requests: Arc::clone(&self.requests),
            admitted: None,
            entry: None,
            stall: StallTimer::new(self.stall_timeout),
        }
    }

    /// Waits until the peer has taken enough of its responses.
    ///
    /// # Errors
    ///
    /// Returns an error when the peer does not take enough in time, or when the server's total is
    /// full.
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

    /// Counts a complete response that the peer has yet to take.
    ///
    /// # Errors
    ///
    /// Returns an error when it finds no room.
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

/// Counts a piece of a streaming response. A stream is never more than two pieces ahead of its
/// peer, so only the server's total can be full.
///
/// # Errors
///
/// Returns an error when the server's total is full.
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

/// The bytes of a complete response that is being sent.
#[derive(Debug)]
pub(super) struct Outgoing {
    bytes: Bytes,
    /// Signals that the bytes have been taken; `None` when the end of the stream need not wait for
    /// it.
    taken: Option<Arc<Taken>>,
}

impl Outgoing {
    /// Creates a response that is not counted.
    pub(super) fn new(bytes: impl Into<Bytes>) -> Self {
        Self {
            bytes: bytes.into(),
            taken: None,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Splits off the next piece. HTTP/2 asks for a piece when the peer has room for more than the
    /// last one, which shows that the peer makes progress.
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
    /// The end of the response.
    Nothing,
    More(Outgoing),
    /// The end of the response, once all bytes have been taken.
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

/// Bytes that are counted until they are dropped.
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

/// Closes a connection whose peer takes none of its responses while they hold much memory.
///
/// `stream_deadline` ends a stream while its response is still in the stream's task. Bytes that
/// HTTP/2 has already queued no longer belong to any task: a response of up to 256 KiB that the
/// peer takes only in part.
#[derive(Debug)]
pub(super) struct Stuck {
    send: Arc<ByteBudget>,
    stall_timeout: Duration,
    /// Number of bytes released when the wait began, and its timer.
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

    /// Resolves when the peer has taken nothing for `stall_timeout`. To be polled whenever the
    /// connection is polled.
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

/// The receive buffer of one request. It counts the current message while it is received.
#[derive(Debug)]
pub(super) struct Intake {
    budget: Arc<ByteBudget>,
    held: Option<Held>,
    claim: Option<Claim>,
    /// Counts the request while its handler runs.
    requests: Arc<ByteBudget>,
    admitted: Option<Held>,
    entry: Option<Claim>,
    stall: StallTimer,
}

impl Intake {
    /// Reserves room for a complete request until its handler returns. It takes `length` bytes when
    /// it is decompressed, and `here` bytes while it waits. Waits for room.
    ///
    /// # Errors
    ///
    /// Returns an error when the connection has no room in time, or when the server's total is
    /// full.
    pub(super) fn poll_admit(
        &mut self,
        cx: &mut Context<'_>,
        length: usize,
        here: usize,
    ) -> Poll<Result<()>> {
        if length < COUNTED_REQUEST {
            return Poll::Ready(Ok(()));
        }
        let entry = self.entry.get_or_insert_with(|| Claim::new(&self.requests));
        let Poll::Ready(reserved) = entry.poll_reserve(cx, length) else {
            self.hold(here)?;
            ready!(self.stall.poll(cx));
            return Poll::Ready(Err(occupied(Full::ByteBudget(self.requests.limit()))));
        };
        self.entry = None;
        self.stall.progress();
        self.admitted = Some(reserved.map_err(occupied)?);
        Poll::Ready(Ok(()))
    }

    /// Returns the reservation of a complete request of `length` bytes after decompression, if it
    /// is counted. The caller keeps it while the handler runs.
    ///
    /// # Errors
    ///
    /// Returns an error when the server's total is full.
    pub(super) fn admitted(&mut self, length: usize) -> Result<Option<Held>> {
        let before = self.admitted.take();
        if length < COUNTED_REQUEST {
            return Ok(None);
        }
        let mut held = match before {
            Some(held) if held.bytes() == length => held,
            // A compressed message has reserved more.
            _ => self.requests.reserve_present(length),
        };
        held.count(length).map_err(occupied)?;
        Ok(Some(held))
    }

    /// Reserves room for a message of `length` bytes, of which `here` bytes have been received.
    /// Waits for room, unless the message already has a reservation, which then grows.
    ///
    /// # Errors
    ///
    /// Returns an error when the connection has no room in time, or when the server's total is
    /// full.
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

    /// Counts a received message that has to wait, unless it is counted already.
    ///
    /// # Errors
    ///
    /// Returns an error when the server's total is full.
    pub(super) fn hold(&mut self, bytes: usize) -> Result<()> {
        if self.held.is_some() {
            return Ok(());
        }
        let held = self.held.insert(self.budget.reserve_present(bytes));
        held.count(bytes).map_err(full)
    }

    /// Releases the room of a message that has been handed to its handler.
    pub(super) fn release(&mut self) {
        self.held = None;
    }

    /// Records that data has been received.
    pub(super) fn progress(&mut self) {
        self.stall.progress();
    }

    /// Resolves when no data has been received for `stall_timeout`.
    pub(super) fn poll_stalled(&mut self, cx: &mut Context<'_>) -> Poll<Error> {
        let timeout = ready!(self.stall.poll(cx));
        Poll::Ready(Error::deadline_exceeded(format!(
            "the request made no progress for {timeout:?}"
        )))
    }
}

/// The error of a request that finds no room. A full server is `Unavailable`, because another node
/// may have room; a full connection is not.
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

/// The error of a request that finds no room beside those whose handlers run.
fn occupied(full: Full) -> Error {
    match full {
        Full::ByteBudget(limit) => Error::resource_exhausted(format!(
            "the connection's request buffer is full: its requests whose handlers run take {limit} \
             bytes; send fewer large requests at once, or raise the setting \
             `limits.connection_request_buffer`"
        )),
        Full::Total(limit) => Error::unavailable(format!(
            "the server's request buffer is full: requests whose handlers run take {limit} bytes \
             (setting `limits.server_request_buffer`)"
        )),
    }
}

/// The error of a call whose response finds no room.
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
