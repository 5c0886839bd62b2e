//! Ids that an inbox knows: of events that are here, and of the last that were handled.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use crate::settle::{Outcome, Settle};

/// Ids of events that are here, and of the last that were handled.
pub(super) struct Ids {
    known: HashMap<Arc<str>, Known>,
    /// How many are here.
    here: usize,
    /// Those that were handled, the oldest first.
    handled: VecDeque<Arc<str>>,
    remembered: usize,
}

enum Known {
    /// With further senders of the same event.
    Here(Vec<Settle>),
    Handled,
}

impl Ids {
    pub(super) fn new(remembered: usize) -> Self {
        Self {
            known: HashMap::new(),
            here: 0,
            handled: VecDeque::new(),
            remembered,
        }
    }

    /// How many events are here.
    pub(super) fn here(&self) -> usize {
        self.here
    }

    /// Lets a second sender of a known event share in its outcome; gives back what is new.
    pub(super) fn join(&mut self, id: &str, settle: Settle) -> Option<Settle> {
        match self.known.get_mut(id) {
            None => return Some(settle),
            Some(Known::Here(others)) => others.push(settle),
            Some(Known::Handled) => settle.tell(Outcome::Handled),
        }
        None
    }

    /// A new event is here.
    pub(super) fn add(&mut self, id: &str) -> Arc<str> {
        let id: Arc<str> = id.into();
        self.known.insert(Arc::clone(&id), Known::Here(Vec::new()));
        self.here += 1;
        id
    }

    /// An event was handled: its id is remembered, and its further senders are given back.
    pub(super) fn finish(&mut self, id: &Arc<str>) -> Vec<Settle> {
        if self.remembered == 0 {
            return self.forget(id);
        }
        let Some(known @ Known::Here(_)) = self.known.get_mut(id) else {
            return Vec::new();
        };
        let known = std::mem::replace(known, Known::Handled);
        self.here -= 1;
        self.handled.push_back(Arc::clone(id));
        if self.handled.len() > self.remembered
            && let Some(oldest) = self.handled.pop_front()
        {
            self.known.remove(&oldest);
        }
        match known {
            Known::Here(others) => others,
            Known::Handled => Vec::new(),
        }
    }

    /// An event goes back: it may come again.
    pub(super) fn forget(&mut self, id: &str) -> Vec<Settle> {
        match self.known.remove(id) {
            Some(Known::Here(others)) => {
                self.here -= 1;
                others
            }
            Some(Known::Handled) | None => Vec::new(),
        }
    }

    /// Everything that was here goes back.
    pub(super) fn forget_all(&mut self) -> Vec<Settle> {
        self.here = 0;
        self.handled.clear();
        let others = |known| match known {
            Known::Here(others) => others,
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
        let mut ids = Ids::new(2);
        let settle = Settle::nobody;
        for id in ["a", "b", "c"] {
            assert!(ids.join(id, settle()).is_some());
            let key = ids.add(id);
            assert!(ids.join(id, settle()).is_none());
            assert_eq!((ids.here(), ids.finish(&key).len()), (1, 1));
        }
        let known: Vec<_> = ["a", "b", "c"]
            .map(|id| ids.join(id, settle()).is_none())
            .into();
        assert_eq!(known, [false, true, true]);
        ids.add("d");
        assert_eq!((ids.forget("d").len(), ids.here()), (0, 0));
        assert!(ids.join("d", settle()).is_some());
    }
}
