//! Queues of an inbox, which determine the order in which events are handled.
//!
//! This is plain data protected by the inbox's lock. No method waits.

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

/// An event in an inbox. If dropped, it is returned to its sender.
#[derive(Debug)]
pub(super) struct QueuedEvent {
    pub(super) event: Arc<Event>,
    pub(super) id: Arc<str>,
    /// Number of attempts in this inbox.
    pub(super) attempts: u32,
    /// Queue that preserves the order of the event. `None`: any worker may handle it, in any order.
    pub(super) lane: Option<usize>,
    pub(super) settle: AckHandle,
}

/// Queued events, and the ids of handled events.
pub(super) struct KeyedQueues {
    /// One queue per worker, for events whose order matters.
    ordered: Vec<VecDeque<QueuedEvent>>,
    /// Events whose order does not matter.
    free: VecDeque<QueuedEvent>,
    /// Delayed events, by due time. The number distinguishes events with equal due times.
    later: BTreeMap<(Instant, u64), QueuedEvent>,
    number: u64,
    ids: SeenIds,
    /// Maximum number of events in the inbox.
    capacity: usize,
    /// Maximum size in bytes of the events in the inbox.
    capacity_bytes: usize,
    /// Events that wait for room.
    line: WaitQueue,
    /// Whether the inbox rejects new events.
    closed: bool,
    hasher: RandomState,
}

/// Result of an attempt to add an event.
pub(super) enum Admission {
    /// The event was added. Contains the worker to wake; `None` for any worker.
    In(Option<usize>),
    /// An event with the same id is in the inbox or was handled.
    Known,
    /// The inbox has no room. Contains the event's number in the wait queue, and a receiver that is
    /// notified when the event is admitted.
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

    /// Adds an event if there is room and no other event waits for room. Otherwise returns
    /// `settle`.
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

    /// Adds an event, or lets it wait for room behind the events that wait already. Events are
    /// added in the order of the calls.
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

    /// Returns whether there is room for an event of `size` bytes. An empty inbox accepts any size.
    fn has_room(&self, size: usize) -> bool {
        let (here, bytes) = (self.ids.here(), self.ids.bytes());
        here < self.capacity && (here == 0 || bytes.saturating_add(size) <= self.capacity_bytes)
    }

    /// Returns whether the number of events has reached `capacity`. If not, a full inbox has
    /// reached `capacity_bytes`.
    pub(super) fn is_full_by_count(&self) -> bool {
        self.ids.here() >= self.capacity
    }

    /// Admits waiting events as long as there is room. Returns the sender to notify and the worker
    /// to wake for each.
    pub(super) fn admit(&mut self) -> Vec<(oneshot::Sender<()>, Option<usize>)> {
        let mut admitted = Vec::new();
        while self.line.first().is_some_and(|size| self.has_room(size))
            && let Some(WaitingEvent {
                event,
                settle,
                told,
            }) = self.line.next()
        {
            // An event with the same id may have been added while this one waited.
            let lane = self
                .ids
                .join(&event.id, settle)
                .and_then(|settle| self.add(event, settle));
            admitted.push((told, lane));
        }
        admitted
    }

    /// Removes an event from the wait queue. Returns `None` if the event was admitted already.
    pub(super) fn leave(&mut self, number: u64) -> Option<WaitingEvent> {
        self.line.leave(number)
    }

    /// Rejects new events from now on. Returns the events that wait for room.
    pub(super) fn close(&mut self) -> WaitQueue {
        self.closed = true;
        std::mem::take(&mut self.line)
    }

    /// Returns the queue of an event: by its key, or the only queue. `None` if order does not
    /// matter.
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

    /// Adds a new event. Returns the worker to wake.
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

    /// Delays an event until `due`.
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

    /// Moves due events to their queues. Returns whether there were any.
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

    /// Returns when the next delayed event is due.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.later.first_key_value().map(|((due, _), _)| *due)
    }

    /// Removes the next event for a worker: first from its own queue, then from the unordered
    /// events.
    pub(super) fn take(&mut self, worker: usize) -> Option<QueuedEvent> {
        let own = self.ordered[worker].pop_front();
        own.or_else(|| self.free.pop_front())
    }

    /// Returns whether an unordered event is queued.
    pub(super) fn has_free(&self) -> bool {
        !self.free.is_empty()
    }

    /// Returns the ids of present and handled events.
    pub(super) fn ids(&mut self) -> &mut SeenIds {
        &mut self.ids
    }

    /// Removes all queued and delayed events.
    pub(super) fn clear(&mut self) -> Vec<QueuedEvent> {
        let mut all: Vec<QueuedEvent> = Vec::new();
        all.extend(self.ordered.iter_mut().flat_map(|lane| lane.drain(..)));
        all.extend(self.free.drain(..));
        all.extend(std::mem::take(&mut self.later).into_values());
        all
    }

    /// Returns whether no event is in the inbox, neither queued nor being handled.
    pub(super) fn is_empty(&self) -> bool {
        self.ids.here() == 0
    }
}
