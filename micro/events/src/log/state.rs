//! A group's records in the making: which may be delivered, which are out, which wait and for
//! what. Plain data: no I/O, no clock of its own, no waiting.
//!
//! A record is in one phase at a time. Of one key only the oldest record is ever out of
//! [`Phase::Blocked`].

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

use crate::log::progress::{Progress, Step};
use crate::record::Record;
use micro_core::internal::deadline_after;

#[derive(Debug)]
pub(super) struct State {
    progress: Progress,
    /// The next record to fetch.
    cursor: u64,
    /// Fetched and not settled, by offset.
    slots: BTreeMap<u64, RecordSlot>,
    /// Offsets of a key's slots, oldest first.
    keys: HashMap<String, VecDeque<u64>>,
    /// Slots in [`Phase::Ready`].
    ready: BTreeSet<u64>,
    /// Ends of [`Phase::Delayed`] and [`Phase::Out`].
    timers: BTreeSet<(Instant, u64)>,
    /// Bytes of all slots.
    bytes: usize,
    /// Tells each delivery from all others.
    serial: u64,
}

#[derive(Debug)]
struct RecordSlot {
    record: Record,
    /// Deliveries so far.
    attempt: u32,
    phase: Phase,
    /// Why it is to become a dead letter, once it is.
    doomed: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// An older record of its key is not settled.
    Blocked,
    /// May be delivered.
    Ready,
    /// May be delivered then.
    Delayed(Instant),
    /// Delivered.
    Out {
        serial: u64,
        until: Instant,
        retries: u32,
    },
}

/// A record on its way out.
#[derive(Debug)]
pub(super) struct TakenRecord {
    pub(super) record: Record,
    pub(super) attempt: u32,
    pub(super) serial: u64,
    /// It is not for a handler but for the dead letters.
    pub(super) doomed: Option<String>,
}

impl State {
    pub(super) fn new(progress: Progress) -> Self {
        Self {
            cursor: progress.committed,
            progress,
            slots: BTreeMap::new(),
            keys: HashMap::new(),
            ready: BTreeSet::new(),
            timers: BTreeSet::new(),
            bytes: 0,
            serial: 0,
        }
    }

    /// Where to fetch and how many, when there is room: for records and for their bytes.
    pub(super) fn wants(&self, (window, bytes): (usize, usize)) -> Option<(u64, usize)> {
        let begun = usize::try_from(self.cursor - self.progress.committed).unwrap_or(usize::MAX);
        let room = window.saturating_sub(begun);
        (room > 0 && self.bytes < bytes).then_some((self.cursor, room))
    }

    /// Takes in what was fetched, up to before `next`; what is known already changes nothing.
    pub(super) fn offer(&mut self, records: Vec<Record>, next: u64) {
        for record in records {
            let offset = record.offset;
            if offset < self.cursor || self.progress.is_settled(offset) {
                continue;
            }
            let mut phase = Phase::Ready;
            if let Some(key) = &record.event.key {
                let queue = self.keys.entry(key.clone()).or_default();
                if !queue.is_empty() {
                    phase = Phase::Blocked;
                }
                queue.push_back(offset);
            }
            if phase == Phase::Ready {
                self.ready.insert(offset);
            }
            self.bytes += weight(&record);
            let slot = RecordSlot {
                attempt: self.progress.tried(offset),
                record,
                phase,
                doomed: None,
            };
            self.slots.insert(offset, slot);
        }
        self.cursor = self.cursor.max(next);
    }

    /// Counts what cannot be read as settled, up to before `to`.
    pub(super) fn skip(&mut self, to: u64) {
        if to > self.cursor {
            self.progress.apply(Step::Settle(self.cursor, to));
            self.cursor = to;
        }
    }

    /// Makes ready what is due: delays that are over, deliveries that nobody settled.
    pub(super) fn wake(&mut self, now: Instant) {
        while let Some(&(when, offset)) = self.timers.first() {
            if when > now {
                return;
            }
            self.timers.pop_first();
            let Some(slot) = self.slots.get_mut(&offset) else {
                continue;
            };
            if let Phase::Out { retries, .. } = slot.phase
                && slot.attempt > retries
            {
                let attempt = slot.attempt;
                slot.doomed = Some(format!("not settled in time, {attempt} times in a row"));
            }
            slot.phase = Phase::Ready;
            self.ready.insert(offset);
        }
    }

    /// When [`wake`](Self::wake) has something to do next.
    pub(super) fn next_timer(&self) -> Option<Instant> {
        self.timers.first().map(|(when, _)| *when)
    }

    /// The oldest record that may be delivered goes out.
    pub(super) fn take(&mut self, until: Instant, retries: u32) -> Option<TakenRecord> {
        let offset = self.ready.pop_first()?;
        let slot = self.slots.get_mut(&offset)?;
        self.serial += 1;
        let serial = self.serial;
        if slot.doomed.is_none() {
            slot.attempt += 1;
        }
        slot.phase = Phase::Out {
            serial,
            until,
            retries,
        };
        self.timers.insert((until, offset));
        Some(TakenRecord {
            record: slot.record.clone(),
            attempt: slot.attempt,
            serial,
            doomed: slot.doomed.clone(),
        })
    }

    /// Whether a record is out as this very delivery.
    pub(super) fn is_out(&self, offset: u64, serial: u64) -> bool {
        let phase = self.slots.get(&offset).map(|slot| slot.phase);
        matches!(phase, Some(Phase::Out { serial: known, .. }) if known == serial)
    }

    /// Whether a record still waits for a verdict, from whomever.
    pub(super) fn is_open(&self, offset: u64) -> bool {
        self.slots.contains_key(&offset)
    }

    /// The delivery may take until then. False when it is not out any more.
    pub(super) fn extend(&mut self, offset: u64, serial: u64, until: Instant) -> bool {
        if !self.is_out(offset, serial) {
            return false;
        }
        self.untime(offset);
        if let Some(slot) = self.slots.get_mut(&offset)
            && let Phase::Out { until: end, .. } = &mut slot.phase
        {
            *end = until;
            self.timers.insert((until, offset));
        }
        true
    }

    /// The delivery was in vain: again at `at`, or as a dead letter when it was the last. False
    /// when it is not out any more.
    pub(super) fn fail(&mut self, offset: u64, serial: u64, at: Option<Instant>) -> bool {
        if !self.is_out(offset, serial) {
            return false;
        }
        self.untime(offset);
        let Some(slot) = self.slots.get_mut(&offset) else {
            return false;
        };
        if let Phase::Out { retries, .. } = slot.phase
            && slot.attempt > retries
            && slot.doomed.is_none()
        {
            slot.doomed = Some(format!("given back {} times in a row", slot.attempt));
        }
        match at {
            Some(at) => {
                slot.phase = Phase::Delayed(at);
                self.timers.insert((at, offset));
            }
            None => {
                slot.phase = Phase::Ready;
                self.ready.insert(offset);
            }
        }
        true
    }

    /// Done with it. The next of its key may be delivered.
    pub(super) fn settle(&mut self, offset: u64) {
        self.untime(offset);
        self.ready.remove(&offset);
        self.progress.apply(Step::Settle(offset, offset + 1));
        let Some(slot) = self.slots.remove(&offset) else {
            return;
        };
        self.bytes -= weight(&slot.record);
        let Some(key) = slot.record.event.key else {
            return;
        };
        let Some(queue) = self.keys.get_mut(&key) else {
            return;
        };
        queue.retain(|known| *known != offset);
        match queue.front() {
            None => {
                self.keys.remove(&key);
            }
            Some(&head) => self.unblock(head),
        }
    }

    fn unblock(&mut self, offset: u64) {
        if let Some(slot) = self.slots.get_mut(&offset)
            && slot.phase == Phase::Blocked
        {
            slot.phase = Phase::Ready;
            self.ready.insert(offset);
        }
    }

    fn untime(&mut self, offset: u64) {
        if let Some(RecordSlot {
            phase: Phase::Out { until: when, .. } | Phase::Delayed(when),
            ..
        }) = self.slots.get(&offset)
        {
            self.timers.remove(&(*when, offset));
        }
    }
}

/// What a slot weighs, with what surrounds the payload.
fn weight(record: &Record) -> usize {
    record.event.size() + size_of::<RecordSlot>()
}

/// When a delay ends; none when it is no delay.
pub(super) fn after(now: Instant, delay: Duration) -> Option<Instant> {
    (!delay.is_zero()).then(|| deadline_after(now, delay))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::SystemTime;

    use super::*;
    use crate::record::Event;

    fn state(keys: &[Option<&str>]) -> State {
        let mut state = State::new(Progress::default());
        let records = keys.iter().zip(0..).map(|(key, offset)| {
            let event = Event {
                key: key.map(str::to_owned),
                ..Event::new("x")
            };
            Record::new(Arc::from("t"), offset, SystemTime::UNIX_EPOCH, event)
        });
        state.offer(records.collect(), keys.len() as u64);
        state
    }

    fn take(state: &mut State, now: Instant) -> Option<TakenRecord> {
        state.take(now + Duration::from_secs(1), 1)
    }

    #[tokio::test]
    async fn of_a_key_only_the_oldest_is_out() {
        let now = Instant::now();
        let mut state = state(&[Some("a"), Some("a"), Some("b"), None, Some("a")]);
        let first = take(&mut state, now).unwrap();
        assert_eq!(first.record.offset, 0);
        assert_eq!(take(&mut state, now).unwrap().record.offset, 2);
        assert_eq!(take(&mut state, now).unwrap().record.offset, 3);
        assert!(take(&mut state, now).is_none());
        assert!(state.fail(0, first.serial, after(now, Duration::from_secs(9))));
        assert!(take(&mut state, now).is_none());
        state.wake(now + Duration::from_secs(9));
        assert_eq!(take(&mut state, now).unwrap().attempt, 2);
        state.settle(0);
        assert_eq!(take(&mut state, now).unwrap().record.offset, 1);
    }

    #[tokio::test]
    async fn a_late_verdict_of_an_old_delivery_is_told_from_the_new_one() {
        let now = Instant::now();
        let mut state = state(&[None]);
        let old = take(&mut state, now).unwrap();
        assert_eq!(state.next_timer(), Some(now + Duration::from_secs(1)));
        state.wake(now + Duration::from_secs(1));
        let new = take(&mut state, now).unwrap();
        assert_eq!((new.attempt, new.doomed), (2, None));
        assert!(!state.fail(0, old.serial, None) && !state.extend(0, old.serial, now));
        state.wake(now + Duration::from_secs(1));
        let last = take(&mut state, now).unwrap();
        assert!(last.attempt == 2 && last.doomed.is_some(), "{last:?}");
        state.settle(0);
        assert!(!state.is_open(0));
        assert_eq!(state.next_timer(), None);
    }

    #[tokio::test]
    async fn bytes_that_are_not_settled_end_the_fetching() {
        let now = Instant::now();
        let mut state = state(&[None; 4]);
        let all = state.bytes;
        assert_eq!(state.wants((100, all)), None);
        assert_eq!(state.wants((100, all + 1)), Some((4, 96)));
        assert!(take(&mut state, now).is_some());
        // One that is delivered counts until it is settled.
        assert_eq!(state.wants((100, all)), None);
        state.settle(0);
        assert_eq!(state.wants((100, all)), Some((4, 97)));
    }

    #[tokio::test]
    async fn the_window_counts_from_the_oldest_unsettled() {
        let now = Instant::now();
        let mut state = state(&[None; 4]);
        assert_eq!(state.wants((4, 1 << 20)), None);
        for _ in 0..4 {
            assert!(take(&mut state, now).is_some());
        }
        state.settle(2);
        assert_eq!(state.wants((4, 1 << 20)), None);
        state.settle(0);
        assert_eq!(state.wants((4, 1 << 20)), Some((4, 1)));
        state.settle(1);
        state.settle(3);
        state.skip(9);
        assert_eq!(state.wants((4, 1 << 20)), Some((9, 4)));
        assert_eq!((state.bytes, state.slots.len()), (0, 0));
    }
}
