//! Sending a stream of requests: as fast as the peer takes them, small ones gathered.
//!
//! Holds one message beyond what a frame takes. Whoever polls it owns it; nothing runs by itself.

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

/// Sends the requests of one call. Dropping it before the end does not tell the peer, but with
/// the call's other half it does.
///
/// HTTP/2 wakes who sends when it gives him room, which it mostly does at once: to be polled
/// through [`Repoller`](micro_wake::Repoller) or [`SharedFuture`](micro_wake::SharedFuture).
pub(crate) struct RequestPump {
    connection: Arc<Connection>,
    /// `None` after the last.
    requests: Option<PayloadStream>,
    out: SendStream<Bytes>,
    batch: Arc<Mutex<Batch<Framing>>>,
    /// Framed messages that wait for room.
    ready: Bytes,
    /// Whether anything of the requests was taken.
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

    /// Whether sending runs no code of others.
    pub(crate) fn is_queue(&self) -> bool {
        self.requests.as_ref().is_some_and(PayloadStream::is_queue)
    }

    /// Gives the peer to understand that the call is given up.
    pub(crate) fn cancel(&mut self) {
        self.requests = None;
        self.out.send_reset(Reason::CANCEL);
    }

    /// The requests, if nothing was taken of them.
    pub(crate) fn untouched(self) -> Option<PayloadStream> {
        self.requests.filter(|_| !self.touched)
    }

    /// Sends of what was gathered as much as there is room for. Breaks when nothing follows.
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
            // Fails only when the stream is closed: then nothing has to be said.
            let _ = self.out.send_data(Bytes::new(), true);
            return Poll::Ready(ControlFlow::Break(()));
        }
        // Nothing to send: is anything wanted still?
        self.out.poll_reset(cx).map(|_| ControlFlow::Break(()))
    }

    /// Takes the requests that are ready.
    fn gather(&mut self, cx: &mut Context<'_>) -> Result<()> {
        let Some(requests) = &mut self.requests else {
            return Ok(());
        };
        let sink: SharedSink = self.batch.clone();
        // The stream is user code, and this may be a task of its own: nobody would hear.
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

    /// How many bytes the peer and the connection take now; `None` when the stream is closed.
    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<Option<usize>> {
        self.out.reserve_capacity(self.ready.len());
        match self.out.capacity() {
            0 => self.out.poll_capacity(cx).map(|room| room?.ok()),
            room => Poll::Ready(Some(room)),
        }
    }
}

/// Sends what can be sent. Ready when all is sent, or when the peer takes no more, which the call's
/// replies tell more about. Not again after that.
///
/// Fails with what is wrong with the requests: an error among them, one that is too long. The call
/// has to be [cancelled](RequestPump::cancel) then.
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
