//! Events that wait for room in an inbox, in order of arrival.
//!
//! The queue holds the events rather than the senders' wakers. Otherwise a sender that is slow to
//! run after it was woken would be overtaken by the next one.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::oneshot;

use crate::ack_handle::AckHandle;
use crate::record::Event;

/// Events that wait for room. The number of concurrent senders bounds the queue.
#[derive(Default)]
pub(super) struct WaitQueue {
    waiting: BTreeMap<u64, WaitingEvent>,
    number: u64,
}

/// A waiting event. If dropped, it is returned to its sender.
pub(super) struct WaitingEvent {
    pub(super) event: Arc<Event>,
    pub(super) settle: AckHandle,
    /// Notified when the event is admitted; dropped if it never will be.
    pub(super) told: oneshot::Sender<()>,
}

impl WaitQueue {
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Adds an event. Returns its number, and a receiver that is notified when the event is
    /// admitted.
    pub(super) fn wait(
        &mut self,
        event: Arc<Event>,
        settle: AckHandle,
    ) -> (u64, oneshot::Receiver<()>) {
        let (told, answer) = oneshot::channel();
        self.number += 1;
        let waiting = WaitingEvent {
            event,
            settle,
            told,
        };
        self.waiting.insert(self.number, waiting);
        (self.number, answer)
    }

    /// Returns the size of the first event.
    pub(super) fn first(&self) -> Option<usize> {
        let (_, waiting) = self.waiting.first_key_value()?;
        Some(waiting.event.size())
    }

    /// Removes the first event.
    pub(super) fn next(&mut self) -> Option<WaitingEvent> {
        self.waiting.pop_first().map(|(_, waiting)| waiting)
    }

    /// Removes an event whose sender stopped waiting. Returns `None` if the event was admitted
    /// already.
    pub(super) fn leave(&mut self, number: u64) -> Option<WaitingEvent> {
        self.waiting.remove(&number)
    }
}
