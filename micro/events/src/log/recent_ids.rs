//! Ids of the last records of a topic: what is appended under one of them again is left out.
//!
//! Plain data; which records count is said by who asks.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// How many of a topic's last records count unless told otherwise.
pub const DEFAULT_RECENT_IDS: usize = 16 << 10;

/// Whether ids count when events are appended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ids {
    /// An event whose id is remembered is left out.
    Once,
    /// Dead letters keep the ids of their events, and there may be one of each group.
    Any,
}

/// Ids of the last records of a topic, and where these stand.
#[derive(Debug, Default)]
pub struct RecentIds {
    offsets: HashMap<Arc<str>, u64>,
    /// The same, by offset.
    order: VecDeque<(u64, Arc<str>)>,
}

impl RecentIds {
    /// Where a record of this id stands, at `from` or behind it.
    pub fn find(&self, id: &str, from: u64) -> Option<u64> {
        self.offsets.get(id).copied().filter(|at| *at >= from)
    }

    /// Notes a record that is appended, and forgets those before `from`.
    pub fn add(&mut self, id: &str, offset: u64, from: u64) {
        while let Some((oldest, id)) = self.order.front()
            && *oldest < from
        {
            if self.offsets.get(id) == Some(oldest) {
                self.offsets.remove(id);
            }
            self.order.pop_front();
        }
        let id: Arc<str> = id.into();
        self.offsets.insert(Arc::clone(&id), offset);
        self.order.push_back((offset, id));
    }

    /// Takes back what was noted from an offset on: it was not appended after all.
    pub fn forget_from(&mut self, offset: u64) {
        while let Some((last, id)) = self.order.back()
            && *last >= offset
        {
            self.offsets.remove(id);
            self.order.pop_back();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_records_are_remembered_and_failed_ones_are_not() {
        let mut ids = RecentIds::default();
        for offset in 0..100_u64 {
            ids.add(
                &(offset / 2 * 2).to_string(),
                offset,
                offset.saturating_sub(10),
            );
        }
        assert_eq!((ids.offsets.len(), ids.order.len()), (6, 11));
        assert_eq!((ids.find("98", 90), ids.find("98", 100)), (Some(99), None));
        assert_eq!((ids.find("86", 0), ids.find("88", 0)), (None, Some(89)));
        ids.forget_from(97);
        assert_eq!((ids.find("96", 0), ids.find("98", 0)), (None, None));
        assert_eq!(ids.find("94", 0), Some(95));
        ids.forget_from(0);
        assert!(ids.offsets.is_empty() && ids.order.is_empty());
    }
}
