//! State of the records that a group is processing: which are ready, which are delivered, and which
//! wait for a timer or for an earlier record. Plain data: this module does no I/O, reads no clock
//! and does not wait.
//!
//! Each record is in exactly one phase. Of the records of a key, only the oldest can be in another
//! phase than [`Phase::Blocked`].
//!
//! A record is settled once it is acked or dead-lettered.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

use crate::log::progress::{Progress, Step};
use crate::record::Record;
use micro_core::internal::deadline_after;

#[derive(Debug)]
pub(super) struct State {
    progress: Progress,
    /// Offset of the next record to fetch.
    cursor: u64,
    /// Fetched records that are not settled, by offset.
    slots: BTreeMap<u64, RecordSlot>,
    /// Offsets of the slots of each key, oldest first.
    keys: HashMap<String, VecDeque<u64>>,
    /// Offsets of the slots in [`Phase::Ready`].
    ready: BTreeSet<u64>,
    /// Ends of [`Phase::Delayed`] and [`Phase::Out`].
    timers: BTreeSet<(Instant, u64)>,
    /// Number of bytes in all slots.
    bytes: usize,
    /// Number of deliveries so far. It distinguishes a delivery from earlier deliveries of the
    /// record.
    serial: u64,
}

#[derive(Debug)]
struct RecordSlot {
    record: Record,
    /// Number of deliveries so far.
    attempt: u32,
    phase: Phase,
    /// Reason for the dead letter, if the record is to become one.
    doomed: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// An older record of the same key is not settled.
    Blocked,
    /// The record can be delivered.
    Ready,
    /// The record can be delivered at this time.
    Delayed(Instant),
    /// The record is delivered to a consumer.
    Out {
        serial: u64,
        until: Instant,
        retries: u32,
    },
}

/// A record that was taken for delivery.
#[derive(Debug)]
pub(super) struct TakenRecord {
    pub(super) record: Record,
    pub(super) attempt: u32,
    pub(super) serial: u64,
    /// If set, the record is dead-lettered with this reason instead of being delivered.
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

    /// Offset to fetch from and maximum number of records to fetch. `None` if the window is full,
    /// in records or in bytes.
    pub(super) fn wants(&self, (window, bytes): (usize, usize)) -> Option<(u64, usize)> {
        let begun = usize::try_from(self.cursor - self.progress.committed).unwrap_or(usize::MAX);
        let room = window.saturating_sub(begun);
        (room > 0 && self.bytes < bytes).then_some((self.cursor, room))
    }

    /// Adds fetched records. `next` is the offset after the last of them. Records that are already
    /// known are ignored.
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

    /// Marks the offsets from the cursor up to `to` (exclusive) as settled, because they cannot be
    /// read.
    pub(super) fn skip(&mut self, to: u64) {
        if to > self.cursor {
            self.progress.apply(Step::Settle(self.cursor, to));
            self.cursor = to;
        }
    }

    /// Makes due records ready: records whose delay has ended and deliveries whose `ack_wait` has
    /// expired.
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

    /// Time at which [`wake`](Self::wake) next has an effect.
    pub(super) fn next_timer(&self) -> Option<Instant> {
        self.timers.first().map(|(when, _)| *when)
    }

    /// Takes the oldest ready record for delivery.
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

    /// Whether the record is currently delivered with this serial.
    pub(super) fn is_out(&self, offset: u64, serial: u64) -> bool {
        let phase = self.slots.get(&offset).map(|slot| slot.phase);
        matches!(phase, Some(Phase::Out { serial: known, .. }) if known == serial)
    }

    /// Whether the record is not settled, whichever delivery is current.
    pub(super) fn is_open(&self, offset: u64) -> bool {
        self.slots.contains_key(&offset)
    }

    /// Extends a delivery until `until`. Returns false if the delivery is no longer current.
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

    /// Records a failed delivery. The record is ready again at `at`, or is dead-lettered if no
    /// retries remain. Returns false if the delivery is no longer current.
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

    /// Marks the record as settled. The next record of its key can then be delivered.
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

/// Number of bytes that a slot counts towards the window, including the slot itself.
fn weight(record: &Record) -> usize {
    record.event.size() + size_of::<RecordSlot>()
}

/// Time at which a delay ends; `None` for a zero delay.
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
        // A delivered record counts until it is settled.
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
