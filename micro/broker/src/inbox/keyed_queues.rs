//! What waits in an inbox, and in which order it is handled.
//!
//! Plain data behind the inbox's lock; waits for nothing.

use std::collections::{BTreeMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::seen_ids::SeenIds;
use super::wait_queue::{WaitQueue, WaitingEvent};
use crate::ack_handle::AckHandle;
use crate::options::Options;
use crate::record::Event;
use micro_core::internal::deadline_after;

/// An event in an inbox. Dropped, it is returned.
#[derive(Debug)]
pub(super) struct QueuedEvent {
    pub(super) event: Arc<Event>,
    pub(super) id: Arc<str>,
    /// Attempts in this inbox.
    pub(super) attempts: u32,
    /// The lane that keeps its order; none: any worker may take it, in any order.
    pub(super) lane: Option<usize>,
    pub(super) settle: AckHandle,
}

/// What waits, and what is known of what was handled.
pub(super) struct KeyedQueues {
    /// A lane for each worker: events whose order counts.
    ordered: Vec<VecDeque<QueuedEvent>>,
    /// Events whose order does not count.
    free: VecDeque<QueuedEvent>,
    /// Events for later, by when they are due; the number tells equal moments apart.
    later: BTreeMap<(Instant, u64), QueuedEvent>,
    number: u64,
    ids: SeenIds,
    /// How many events may be here.
    capacity: usize,
    /// How many bytes of them.
    capacity_bytes: usize,
    /// Who waits for room.
    line: WaitQueue,
    /// Nothing comes in any more.
    closed: bool,
    hasher: RandomState,
}

/// What became of an event that wants in.
pub(super) enum Admission {
    /// It is here; the worker of this lane is to know, or any.
    In(Option<usize>),
    /// Another of its id is here, or was handled.
    Known,
    /// There is no room: its number in the line, and where it is told that it is in.
    Waits(u64, oneshot::Receiver<()>),
    Closed,
}

impl KeyedQueues {
    pub(super) fn new(options: &Options) -> Self {
        let workers = options.concurrency;
        Self {
            ordered: (0..workers).map(|_| VecDeque::new()).collect(),
            free: VecDeque::new(),
            later: BTreeMap::new(),
            number: 0,
            ids: SeenIds::new(options.remembered),
            capacity: options.capacity,
            capacity_bytes: options.capacity_bytes,
            line: WaitQueue::default(),
            closed: false,
            hasher: RandomState::new(),
        }
    }

    /// Lets an event in if there is room now and nobody waits; else gives its settlement back.
    pub(super) fn try_enter(
        &mut self,
        event: &Arc<Event>,
        settle: AckHandle,
    ) -> Result<Option<usize>, AckHandle> {
        if self.closed || !self.has_room(event.size()) || !self.line.is_empty() {
            return Err(settle);
        }
        let settle = self.ids.join(&event.id, settle);
        Ok(settle.and_then(|settle| self.add(Arc::clone(event), settle)))
    }

    /// Lets an event in, or wait for room behind those that wait already: whatever comes one
    /// after the other is in in that order.
    pub(super) fn enter(&mut self, event: Arc<Event>, settle: AckHandle) -> Admission {
        if self.closed {
            return Admission::Closed;
        }
        let Some(settle) = self.ids.join(&event.id, settle) else {
            return Admission::Known;
        };
        if self.has_room(event.size()) && self.line.is_empty() {
            return Admission::In(self.add(event, settle));
        }
        let (number, told) = self.line.wait(event, settle);
        Admission::Waits(number, told)
    }

    /// Whether there is room for an event of so many bytes; alone, any has.
    fn has_room(&self, size: usize) -> bool {
        let (here, bytes) = (self.ids.here(), self.ids.bytes());
        here < self.capacity && (here == 0 || bytes.saturating_add(size) <= self.capacity_bytes)
    }

    /// Whether as many events are here as may be; else their bytes leave no room.
    pub(super) fn is_full_by_count(&self) -> bool {
        self.ids.here() >= self.capacity
    }

    /// Lets those in who wait, as far as there is room: whom to tell, and whom to wake.
    pub(super) fn admit(&mut self) -> Vec<(oneshot::Sender<()>, Option<usize>)> {
        let mut admitted = Vec::new();
        while self.line.first().is_some_and(|size| self.has_room(size))
            && let Some(WaitingEvent {
                event,
                settle,
                told,
            }) = self.line.next()
        {
            // Another of its id may have been faster.
            let lane = self
                .ids
                .join(&event.id, settle)
                .and_then(|settle| self.add(event, settle));
            admitted.push((told, lane));
        }
        admitted
    }

    /// Leaves the line; none when it is in by now.
    pub(super) fn leave(&mut self, number: u64) -> Option<WaitingEvent> {
        self.line.leave(number)
    }

    /// Lets nothing in any more; those who waited.
    pub(super) fn close(&mut self) -> WaitQueue {
        self.closed = true;
        std::mem::take(&mut self.line)
    }

    /// The lane of an event: by its key, or the only one.
    fn queue_of(&self, event: &Event) -> Option<usize> {
        let lanes = self.ordered.len();
        match &event.key {
            Some(key) => {
                let hash = self.hasher.hash_one(key) % lanes as u64;
                Some(usize::try_from(hash).expect("less than the number of lanes"))
            }
            None => (lanes == 1).then_some(0),
        }
    }

    /// Adds an event that is new here; the lane that is to know.
    fn add(&mut self, event: Arc<Event>, settle: AckHandle) -> Option<usize> {
        let delay = event.delay;
        let item = QueuedEvent {
            lane: self.queue_of(&event),
            id: self.ids.add(&event.id, event.size()),
            event,
            attempts: 0,
            settle,
        };
        let lane = item.lane;
        if delay.is_zero() {
            self.queue(item);
            return lane;
        }
        self.postpone(item, deadline_after(Instant::now(), delay));
        None
    }

    /// Puts an event off.
    pub(super) fn postpone(&mut self, item: QueuedEvent, due: Instant) {
        self.number += 1;
        self.later.insert((due, self.number), item);
    }

    fn queue(&mut self, item: QueuedEvent) {
        match item.lane {
            Some(lane) => self.ordered[lane].push_back(item),
            None => self.free.push_back(item),
        }
    }

    /// Lets what is due wait with the others; whether there was any.
    pub(super) fn promote_due(&mut self) -> bool {
        if self.later.is_empty() {
            return false;
        }
        let (now, mut any) = (Instant::now(), false);
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
    pub(super) fn take(&mut self, worker: usize) -> Option<QueuedEvent> {
        let own = self.ordered[worker].pop_front();
        own.or_else(|| self.free.pop_front())
    }

    /// Whether an event waits whose order does not count.
    pub(super) fn has_free(&self) -> bool {
        !self.free.is_empty()
    }

    /// What is known of ids.
    pub(super) fn ids(&mut self) -> &mut SeenIds {
        &mut self.ids
    }

    /// Takes everything that waits.
    pub(super) fn clear(&mut self) -> Vec<QueuedEvent> {
        let mut all: Vec<QueuedEvent> = Vec::new();
        all.extend(self.ordered.iter_mut().flat_map(|lane| lane.drain(..)));
        all.extend(self.free.drain(..));
        all.extend(std::mem::take(&mut self.later).into_values());
        all
    }

    /// Whether no event is here.
    pub(super) fn is_empty(&self) -> bool {
        self.ids.here() == 0
    }
}
