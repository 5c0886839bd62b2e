//! Sends a stream of requests as fast as the peer accepts them. Small messages are batched.
//!
//! The pump buffers at most one message more than fits into a frame. It works only while it is
//! polled.

use std::future::Future;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h2::{Reason, SendStream};
use micro_wake::TimeSlice;
use micro_wake::sync::Mutex;

use crate::connection::Connection;
use crate::connection::frames::Framing;
use crate::stream_timer::IdleTracker;
use micro_core::handler::{Batch, PayloadStream, SharedSink};
use micro_core::internal::catch_panic;
use micro_message::error::{Error, Result};

/// Sends the requests of one call. Dropping the pump before the end does not notify the peer;
/// dropping the call's response stream as well does.
///
/// h2 wakes the sender when it grants capacity, mostly within the same poll. Therefore poll the
/// pump through [`Repoller`](micro_wake::Repoller) or [`SharedFuture`](micro_wake::SharedFuture).
pub(crate) struct RequestPump {
    connection: Arc<Connection>,
    /// `None` after the last request.
    requests: Option<PayloadStream>,
    out: SendStream<Bytes>,
    batch: Arc<Mutex<Batch<Framing>>>,
    /// Encoded messages that wait for send capacity.
    ready: Bytes,
    /// Whether any request was taken from the stream.
    touched: bool,
    pulse: Option<Arc<IdleTracker>>,
    turn: TimeSlice,
}

impl RequestPump {
    pub(crate) fn new(
        connection: &Arc<Connection>,
        requests: PayloadStream,
        out: SendStream<Bytes>,
        framing: Framing,
        pulse: Option<Arc<IdleTracker>>,
    ) -> Self {
        Self {
            connection: Arc::clone(connection),
            requests: Some(requests),
            out,
            batch: Arc::new(Mutex::new(Batch::new(framing))),
            ready: Bytes::new(),
            touched: false,
            pulse,
            turn: TimeSlice::default(),
        }
    }

    /// Whether polling the requests runs no user code.
    pub(crate) fn is_queue(&self) -> bool {
        self.requests.as_ref().is_some_and(PayloadStream::is_queue)
    }

    /// Cancels the call at the peer by resetting the stream.
    pub(crate) fn cancel(&mut self) {
        self.requests = None;
        self.out.send_reset(Reason::CANCEL);
    }

    /// Returns the requests, if none was taken.
    pub(crate) fn untouched(self) -> Option<PayloadStream> {
        self.requests.filter(|_| !self.touched)
    }

    /// Sends as much of the batch as there is capacity for. Breaks after the last bytes.
    fn send(&mut self, cx: &mut Context<'_>) -> Poll<ControlFlow<()>> {
        if !self.ready.is_empty() {
            let Some(room) = ready!(self.poll_room(cx)) else {
                return Poll::Ready(ControlFlow::Break(()));
            };
            let part = self.ready.split_to(room.min(self.ready.len()));
            let last = self.requests.is_none() && self.ready.is_empty();
            if self.out.send_data(part, last).is_err() || last {
                return Poll::Ready(ControlFlow::Break(()));
            }
            return Poll::Ready(ControlFlow::Continue(()));
        }
        if self.requests.is_none() {
            // Fails only if the stream is closed, in which case the peer expects no end.
            let _ = self.out.send_data(Bytes::new(), true);
            return Poll::Ready(ControlFlow::Break(()));
        }
        // Nothing to send: wait for a reset by the peer.
        self.out.poll_reset(cx).map(|_| ControlFlow::Break(()))
    }

    /// Takes and encodes the requests that are ready.
    fn gather(&mut self, cx: &mut Context<'_>) -> Result<()> {
        let Some(requests) = &mut self.requests else {
            return Ok(());
        };
        let sink: SharedSink = self.batch.clone();
        // The stream is user code. This may run in a task of its own, where a panic would go
        // unnoticed.
        let next = catch_panic(
            || requests.poll_each(cx, &sink),
            || Poll::Ready(Some(Err(panicked()))),
        );
        let (gathered, framed) = self.batch.lock().take();
        self.touched |= !gathered.is_empty() || framed.is_err() || next.is_ready();
        framed?;
        match next {
            Poll::Ready(None) => self.requests = None,
            Poll::Ready(Some(outcome)) => outcome?,
            Poll::Pending => {}
        }
        if !gathered.is_empty()
            && let Some(pulse) = &self.pulse
        {
            pulse.beat();
        }
        self.ready = gathered.into();
        Ok(())
    }

    /// Returns how many bytes the peer and the connection accept now; `None` if the stream is
    /// closed.
    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<Option<usize>> {
        self.out.reserve_capacity(self.ready.len());
        match self.out.capacity() {
            0 => self.out.poll_capacity(cx).map(|room| room?.ok()),
            room => Poll::Ready(Some(room)),
        }
    }
}

/// Sends the requests. Ready once all are sent, or once the peer accepts no more; the call's
/// response then contains the reason. Must not be polled after that.
///
/// Fails if the stream of requests yields an error or a message that is too long. The caller then
/// has to [cancel](RequestPump::cancel) the call.
impl Future for RequestPump {
    type Output = Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        let this = &mut *self;
        let connection = Arc::clone(&this.connection);
        loop {
            if this.ready.is_empty() {
                let begun = ready!(this.turn.begin(cx));
                this.gather(cx)?;
                this.turn.end(begun, !this.ready.is_empty());
            }
            if ready!(connection.moving(|| this.send(cx))).is_break() {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

fn panicked() -> Error {
    tracing::error!("a stream of requests panicked");
    Error::internal("the stream of requests panicked")
}
