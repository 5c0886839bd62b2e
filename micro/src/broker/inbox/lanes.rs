//! What waits in an inbox, in which order it is handled, and which ids are known.
//!
//! Plain data behind the inbox's lock; waits for nothing.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use crate::broker::record::Event;
use crate::broker::settle::{Outcome, Settle};

/// An event in an inbox. Dropped, it is returned.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) event: Arc<Event>,
    /// Attempts in this inbox.
    pub(super) attempts: u32,
    /// The lane that keeps its order; none: any worker may take it, in any order.
    pub(super) lane: Option<usize>,
    pub(super) settle: Settle,
    /// Its place in the inbox, free when the item is gone.
    pub(super) _room: OwnedSemaphorePermit,
}

/// What waits, and what is known of what was handled.
pub(super) struct Lanes {
    /// A lane for each worker: events whose order counts.
    ordered: Vec<VecDeque<Item>>,
    /// Events whose order does not count.
    free: VecDeque<Item>,
    /// Events for later, by when they are due; the number tells equal moments apart.
    later: BTreeMap<(Instant, u64), Item>,
    number: u64,
    /// Ids of events that are in the inbox, each with further senders of the same event.
    present: HashMap<String, Vec<Settle>>,
    /// Ids of events that were handled, the oldest first.
    handled: VecDeque<String>,
    /// The same, to look up; how often each is in the list.
    known: HashMap<String, u32>,
    remembered: usize,
    hasher: RandomState,
}

/// What an id is known as.
pub(super) enum Known {
    New(Settle),
    Present,
    Handled,
}

impl Lanes {
    pub(super) fn new(workers: usize, remembered: usize) -> Self {
        Self {
            ordered: (0..workers).map(|_| VecDeque::new()).collect(),
            free: VecDeque::new(),
            later: BTreeMap::new(),
            number: 0,
            present: HashMap::new(),
            handled: VecDeque::new(),
            known: HashMap::new(),
            remembered,
            hasher: RandomState::new(),
        }
    }

    /// Lets a second sender of a known event share in its outcome.
    pub(super) fn join(&mut self, id: &str, settle: Settle) -> Known {
        if let Some(others) = self.present.get_mut(id) {
            others.push(settle);
            return Known::Present;
        }
        if self.known.contains_key(id) {
            settle.tell(Outcome::Handled);
            return Known::Handled;
        }
        Known::New(settle)
    }

    /// The lane of an event: by its key, or the only one.
    pub(super) fn lane_of(&self, event: &Event) -> Option<usize> {
        let lanes = self.ordered.len();
        match &event.key {
            Some(key) => {
                let hash = self.hasher.hash_one(key) % lanes as u64;
                Some(usize::try_from(hash).expect("less than the number of lanes"))
            }
            None => (lanes == 1).then_some(0),
        }
    }

    /// Adds an event that is new here; due at a later moment, if there is one.
    pub(super) fn add(&mut self, item: Item, due: Option<Instant>) {
        self.present.insert(item.event.id.clone(), Vec::new());
        match due {
            Some(due) => self.postpone(item, due),
            None => self.queue(item),
        }
    }

    /// Puts an event off.
    pub(super) fn postpone(&mut self, item: Item, due: Instant) {
        self.number += 1;
        self.later.insert((due, self.number), item);
    }

    fn queue(&mut self, item: Item) {
        match item.lane {
            Some(lane) => self.ordered[lane].push_back(item),
            None => self.free.push_back(item),
        }
    }

    /// Lets what is due wait with the others; whether there was any.
    pub(super) fn ripen(&mut self, now: Instant) -> bool {
        let mut any = false;
        while let Some(first) = self.later.first_entry()
            && first.key().0 <= now
        {
            let item = first.remove();
            self.queue(item);
            any = true;
        }
        any
    }

    /// When the next event is due.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.later.first_key_value().map(|((due, _), _)| *due)
    }

    /// The next event for a worker: of its lane, else one whose order does not count.
    pub(super) fn take(&mut self, worker: usize) -> Option<Item> {
        let own = self.ordered[worker].pop_front();
        own.or_else(|| self.free.pop_front())
    }

    /// Whether an event waits whose order does not count.
    pub(super) fn has_free(&self) -> bool {
        !self.free.is_empty()
    }

    /// An event is handled: its id is remembered, and all its senders are given back.
    pub(super) fn finish(&mut self, id: &str) -> Vec<Settle> {
        let others = self.present.remove(id).unwrap_or_default();
        if self.remembered > 0 {
            self.handled.push_back(id.to_owned());
            *self.known.entry(id.to_owned()).or_default() += 1;
            if self.handled.len() > self.remembered
                && let Some(oldest) = self.handled.pop_front()
                && let Some(count) = self.known.get_mut(&oldest)
            {
                *count -= 1;
                if *count == 0 {
                    self.known.remove(&oldest);
                }
            }
        }
        others
    }

    /// An event goes back: it may come again.
    pub(super) fn forget(&mut self, id: &str) -> Vec<Settle> {
        self.present.remove(id).unwrap_or_default()
    }

    /// Everything that was here goes back.
    pub(super) fn forget_all(&mut self) -> Vec<Settle> {
        self.present
            .drain()
            .flat_map(|(_, others)| others)
            .collect()
    }

    /// Takes everything that waits.
    pub(super) fn clear(&mut self) -> Vec<Item> {
        let mut all: Vec<Item> = Vec::new();
        all.extend(self.ordered.iter_mut().flat_map(|lane| lane.drain(..)));
        all.extend(self.free.drain(..));
        all.extend(std::mem::take(&mut self.later).into_values());
        all
    }

    /// Whether no event is here.
    pub(super) fn is_empty(&self) -> bool {
        self.present.is_empty()
    }
}
