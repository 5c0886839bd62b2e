//! Ids that an inbox uses to detect duplicates: of present events and of recently handled events.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use crate::ack_handle::{AckHandle, DeliveryOutcome};

/// Ids of the events in the inbox, and of the last handled events.
pub(super) struct SeenIds {
    known: HashMap<Arc<str>, Known>,
    /// Number of events in the inbox.
    here: usize,
    /// Size in bytes of the events in the inbox.
    bytes: usize,
    /// Ids of handled events, oldest first.
    handled: VecDeque<Arc<str>>,
    remembered: usize,
}

enum Known {
    /// The event is in the inbox. Contains the handles of additional senders of the event, and its
    /// size.
    Present(Vec<AckHandle>, usize),
    Handled,
}

impl SeenIds {
    pub(super) fn new(remembered: usize) -> Self {
        Self {
            known: HashMap::new(),
            here: 0,
            bytes: 0,
            handled: VecDeque::new(),
            remembered,
        }
    }

    /// Returns the number of events in the inbox.
    pub(super) fn here(&self) -> usize {
        self.here
    }

    /// Returns the size in bytes of the events in the inbox.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Registers the handle of another sender of a known event, which then receives its outcome.
    /// Returns the handle if the event is new.
    pub(super) fn join(&mut self, id: &str, settle: AckHandle) -> Option<AckHandle> {
        match self.known.get_mut(id) {
            None => return Some(settle),
            Some(Known::Present(others, _)) => others.push(settle),
            Some(Known::Handled) => settle.complete(DeliveryOutcome::Handled),
        }
        None
    }

    /// Adds a new event.
    pub(super) fn add(&mut self, id: &str, size: usize) -> Arc<str> {
        let id: Arc<str> = id.into();
        let here = Known::Present(Vec::new(), size);
        self.known.insert(Arc::clone(&id), here);
        self.here += 1;
        self.bytes += size;
        id
    }

    /// Moves an event from present to handled. Returns the handles of its additional senders.
    pub(super) fn finish(&mut self, id: &Arc<str>) -> Vec<AckHandle> {
        if self.remembered == 0 {
            return self.forget(id);
        }
        let Some(known @ Known::Present(..)) = self.known.get_mut(id) else {
            return Vec::new();
        };
        let known = std::mem::replace(known, Known::Handled);
        self.handled.push_back(Arc::clone(id));
        if self.handled.len() > self.remembered
            && let Some(oldest) = self.handled.pop_front()
        {
            self.known.remove(&oldest);
        }
        self.gone(Some(known))
    }

    /// Removes an event from the counts. Returns the handles of its additional senders.
    fn gone(&mut self, known: Option<Known>) -> Vec<AckHandle> {
        match known {
            Some(Known::Present(others, size)) => {
                self.here -= 1;
                self.bytes -= size;
                others
            }
            Some(Known::Handled) | None => Vec::new(),
        }
    }

    /// Forgets an event that is returned, so that it can be added again. Returns the handles of its
    /// additional senders.
    pub(super) fn forget(&mut self, id: &str) -> Vec<AckHandle> {
        let known = self.known.remove(id);
        self.gone(known)
    }

    /// Forgets all events. Returns the handles of the additional senders of present events.
    pub(super) fn forget_all(&mut self) -> Vec<AckHandle> {
        (self.here, self.bytes) = (0, 0);
        self.handled.clear();
        let others = |known| match known {
            Known::Present(others, _) => others,
            Known::Handled => Vec::new(),
        };
        let known = self.known.drain();
        known.flat_map(|(_, known)| others(known)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_handled_ones_are_remembered_as_was_said() {
        let mut ids = SeenIds::new(2);
        let settle = AckHandle::nobody;
        for id in ["a", "b", "c"] {
            assert!(ids.join(id, settle()).is_some());
            let key = ids.add(id, 7);
            assert!(ids.join(id, settle()).is_none());
            assert_eq!((ids.here(), ids.bytes()), (1, 7));
            assert_eq!((ids.finish(&key).len(), ids.bytes()), (1, 0));
        }
        let known: Vec<_> = ["a", "b", "c"]
            .map(|id| ids.join(id, settle()).is_none())
            .into();
        assert_eq!(known, [false, true, true]);
        ids.add("d", 7);
        assert_eq!((ids.forget("d").len(), ids.here(), ids.bytes()), (0, 0, 0));
        assert!(ids.join("d", settle()).is_some());
    }
}
