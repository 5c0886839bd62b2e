//! What subscribers received: how often each event, and whether in the order of its key.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Number of keys. An event's key is its number modulo `KEYS`.
pub(crate) const KEYS: u64 = 256;
/// Queues `q0` to `q2` and plain subscribers `p3` and `p4`.
pub(crate) const SUBSCRIBERS: usize = 5;

/// What all subscribers have received. Clones share the data.
#[derive(Clone)]
pub(crate) struct Tally(Arc<Mutex<Vec<Vec<u8>>>>);

/// What one subscriber, a queue's member or a plain one, has received of each key.
pub(crate) struct Member {
    tally: Tally,
    subscriber: usize,
    /// Last number by key.
    last: Vec<Option<u64>>,
    pub(crate) seen: Arc<Mutex<Order>>,
}

/// The order in which one member received its events.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Order {
    pub(crate) probed: bool,
    /// Number of events that arrived after a later one of the same key.
    pub(crate) back: u64,
    /// Number of events whose predecessor of the same key is missing.
    pub(crate) gaps: u64,
}

/// Totals of all events at one queue or plain subscriber.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sum {
    pub(crate) delivered: u64,
    pub(crate) lost: u64,
    /// Number of events that were received more than once.
    pub(crate) again: u64,
}

impl Tally {
    pub(crate) fn new(many: usize) -> Self {
        Self(Arc::new(Mutex::new(vec![vec![0; many]; SUBSCRIBERS])))
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Vec<u8>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a member of a subscriber.
    pub(crate) fn member(&self, subscriber: usize) -> Member {
        Member {
            tally: self.clone(),
            subscriber,
            last: vec![None; usize::try_from(KEYS).unwrap_or_default()],
            seen: Arc::default(),
        }
    }

    /// Totals by subscriber.
    pub(crate) fn sums(&self) -> Vec<Sum> {
        let sum = |times: &Vec<u8>| Sum {
            delivered: times.iter().map(|times| u64::from(*times)).sum(),
            lost: times.iter().map(|times| u64::from(*times == 0)).sum(),
            again: times.iter().map(|times| u64::from(*times > 1)).sum(),
        };
        self.lock().iter().map(sum).collect()
    }
}

impl Member {
    /// Records an event.
    pub(crate) fn note(&mut self, number: u64) {
        let place = usize::try_from(number).unwrap_or(usize::MAX);
        if let Some(times) = self.tally.lock()[self.subscriber].get_mut(place) {
            *times = times.saturating_add(1);
        }
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let key = usize::try_from(number % KEYS).unwrap_or_default();
        match self.last[key] {
            Some(last) if number <= last => seen.back += 1,
            Some(last) if number != last + KEYS => seen.gaps += 1,
            None if number >= KEYS => seen.gaps += 1,
            _ => {}
        }
        self.last[key] = Some(number);
    }

    /// Records a probe.
    pub(crate) fn probe(&self) {
        self.seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .probed = true;
    }
}
