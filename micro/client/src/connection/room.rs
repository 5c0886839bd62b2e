//! Memory for partly received messages: all calls of a connection together hold at most
//! `receive_buffer` bytes.
//!
//! A message that does not arrive in one chunk reserves its length before more of it is read. Until
//! there is room, it stays unread and the service has to wait. The number of waiting messages is
//! limited so that their unread bytes leave half of the connection's window to the calls that have
//! room.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use micro_wake::{ByteBudget, Claim, Held, Total};

use crate::config::Config;
use crate::connection::frames::{MessageReader, answered};
use crate::failure::Failure;
use micro_message::error::ErrorKind;

/// Creates the budget for partly received messages of a connection.
pub(super) fn budget(config: &Config) -> Arc<ByteBudget> {
    let waiting = (config.connection_window / 2).checked_div(config.stream_window);
    // Connections share no total here, so all of a connection's limit counts as free.
    let free = usize::MAX;
    let waiting = waiting.unwrap_or(1).max(1);
    ByteBudget::new(config.receive_buffer, free, &Total::new(0), (waiting, 0))
}

/// Reservation for the message of a response that is being received.
#[derive(Debug)]
pub(super) struct Room {
    budget: Arc<ByteBudget>,
    held: Option<Held>,
    claim: Option<Claim>,
}

impl Room {
    pub(super) fn new(budget: &Arc<ByteBudget>) -> Self {
        Self {
            budget: Arc::clone(budget),
            held: None,
            claim: None,
        }
    }

    /// Waits for room for the message that has begun, if there is one.
    ///
    /// # Errors
    ///
    /// Returns `ResourceExhausted` if too many messages wait.
    pub(super) async fn reserve(&mut self, frames: &MessageReader) -> Result<(), Failure> {
        poll_fn(|cx| self.poll_reserve(frames, cx)).await
    }

    /// Polling version of [`reserve`](Self::reserve).
    pub(super) fn poll_reserve(
        &mut self,
        frames: &MessageReader,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Failure>> {
        let Some(length) = frames.begun() else {
            return Poll::Ready(Ok(()));
        };
        if self.held.is_some() {
            return Poll::Ready(Ok(()));
        }
        let claim = self.claim.get_or_insert_with(|| Claim::new(&self.budget));
        let reserved = ready!(claim.poll_reserve(cx, length));
        self.claim = None;
        self.held = Some(reserved.map_err(|_| self.full())?);
        Poll::Ready(Ok(()))
    }

    /// Releases the reservation, once the message is handed over.
    pub(super) fn release(&mut self) {
        self.held = None;
    }

    fn full(&self) -> Failure {
        let limit = self.budget.limit();
        let text = format!(
            "the connection's receive buffer is full: half-received replies take {limit} bytes \
             (`receive_buffer`) and too many wait"
        );
        answered(ErrorKind::ResourceExhausted, text)
    }
}
