//! Who waits for room in an inbox, in the order of coming.
//!
//! The events wait here, not their senders: a sender that is slow to notice that there is room
//! would be overtaken by the next.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::oneshot;

use crate::ack_handle::AckHandle;
use crate::record::Event;

/// Events that wait for room. Bounded by who waits for them.
#[derive(Default)]
pub(super) struct WaitQueue {
    waiting: BTreeMap<u64, WaitingEvent>,
    number: u64,
}

/// An event that waits. Dropped, it is returned.
pub(super) struct WaitingEvent {
    pub(super) event: Arc<Event>,
    pub(super) settle: AckHandle,
    /// Told when it is in; dropped when it never will be.
    pub(super) told: oneshot::Sender<()>,
}

impl WaitQueue {
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Lets an event wait; its number, and where it is told that it is in.
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

    /// The size of the one whose turn it is.
    pub(super) fn first(&self) -> Option<usize> {
        let (_, waiting) = self.waiting.first_key_value()?;
        Some(waiting.event.size())
    }

    /// The one whose turn it is.
    pub(super) fn next(&mut self) -> Option<WaitingEvent> {
        self.waiting.pop_first().map(|(_, waiting)| waiting)
    }

    /// Nobody waits any more; none when it is in by now.
    pub(super) fn leave(&mut self, number: u64) -> Option<WaitingEvent> {
        self.waiting.remove(&number)
    }
}
