//! Ids of the last records of a topic. An event with one of these ids is not appended again.
//!
//! Plain data: the caller passes the offset from which ids count.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// Default number of a topic's last records whose ids are remembered.
pub const DEFAULT_RECENT_IDS: usize = 16 << 10;

/// Whether ids are compared when events are appended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ids {
    /// Skip events whose ids are remembered.
    Once,
    /// Do not compare ids. Dead letters keep the ids of their events, and each group can append
    /// one.
    Any,
}

/// Ids of the last records of a topic, with their offsets.
#[derive(Debug, Default)]
pub struct RecentIds {
    offsets: HashMap<Arc<str>, u64>,
    /// The same entries, ordered by offset.
    order: VecDeque<(u64, Arc<str>)>,
}

impl RecentIds {
    /// Offset of the record with this id, if it is `from` or greater.
    pub fn find(&self, id: &str, from: u64) -> Option<u64> {
        self.offsets.get(id).copied().filter(|at| *at >= from)
    }

    /// Adds the id of an appended record and removes the ids of records before `from`.
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

    /// Removes the entries from an offset on, for records whose append failed.
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
