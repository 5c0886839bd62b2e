//! Skips events whose ids have been appended before.
//!
//! The remembered ids are read from the records when an id is first looked up, because they are
//! stored only in the log.

use super::Writer;
use micro_events::Event;
use micro_events::log::{Ids, Limit, RecentIds};
use micro_message::error::Result;

/// Maximum number of bytes of segments to read for remembered ids. The scan can exceed it by one
/// segment.
const MAX_SCAN_BYTES: u64 = 64 << 20;

impl Writer {
    /// Filters out events whose ids are remembered and remembers the ids of the others. Returns the
    /// offset of the first event, whether it is already stored or still to be appended, and the
    /// events to append.
    pub(super) fn fresh<'a>(
        &mut self,
        events: &'a [Event],
        ids: Ids,
    ) -> Result<(u64, Vec<&'a Event>)> {
        let remembered = self.config.remembered as u64;
        let any = ids == Ids::Any || events.iter().all(|event| event.known_by().is_none());
        if any || remembered == 0 {
            return Ok((self.next, events.iter().collect()));
        }
        let mut known = match self.ids.take() {
            Some(known) => known,
            None => self.recall()?,
        };
        let first = self.topic.ends().0;
        let (mut next, mut at) = (self.next, None);
        let mut fresh = Vec::with_capacity(events.len());
        for event in events {
            let from = next.saturating_sub(remembered).max(first);
            let stands = event.known_by().and_then(|id| known.find(id, from));
            at = at.or(stands).or(Some(next));
            if stands.is_some() {
                continue;
            }
            if let Some(id) = event.known_by() {
                known.add(id, next, from);
            }
            fresh.push(event);
            next += 1;
        }
        self.ids = Some(known);
        Ok((at.unwrap_or(next), fresh))
    }

    /// Removes the ids from an offset on, because their append has failed.
    pub(super) fn forget_from(&mut self, offset: u64) {
        if let Some(ids) = &mut self.ids {
            ids.forget_from(offset);
        }
    }

    /// Reads the ids of the last records. Ids of unreadable records are not remembered.
    fn recall(&self) -> Result<RecentIds> {
        let (mut ids, next) = (RecentIds::default(), self.topic.next());
        let mut from = self
            .topic
            .recent(self.config.remembered as u64, MAX_SCAN_BYTES);
        while from < next {
            let fetched = self.topic.fetch(from, Limit::default())?;
            if let Some(error) = &fetched.damage {
                tracing::warn!(topic = &*self.topic.name, %error, "ids are not remembered");
            }
            for record in &fetched.records {
                if let Some(id) = record.event.known_by()
                    && ids.find(id, 0).is_none()
                {
                    ids.add(id, record.offset, 0);
                }
            }
            if fetched.next <= from {
                break;
            }
            from = fetched.next;
        }
        Ok(ids)
    }
}
