//! Retention: removes whole segments from the beginning of a topic.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::Writer;
use crate::disk::failed;
use crate::frame::nanos;
use crate::segment::Segment;
use micro_events::Trim;
use micro_message::error::Result;

impl Writer {
    /// Removes the segments that exceed the retention limits. A segment that cannot be removed is
    /// tried again next time.
    pub(crate) fn retain(&mut self) {
        let age = self.config.age.map(Trim::Age);
        let bytes = self.config.bytes.map(Trim::Bytes);
        for trim in age.into_iter().chain(bytes) {
            if let Err(error) = self.trim(trim) {
                tracing::warn!(topic = &*self.topic.name, %error, "old records stay");
            }
        }
    }

    /// Removes whole segments from the beginning.
    pub(crate) fn trim(&mut self, trim: Trim) -> Result<()> {
        let oldest = match trim {
            Trim::Age(age) => self.ages.oldest(age).map_or(0, nanos),
            _ => 0,
        };
        let (first, next) = self.topic.ends();
        let all = match trim {
            Trim::Before(offset) => offset >= next,
            Trim::Bytes(bytes) => bytes == 0,
            Trim::Age(_) => self.time < oldest,
        };
        // The last segment is never removed. To remove all records, start a new segment first. This
        // is skipped while records are buffered: they are written next, into a segment that must be
        // kept.
        if all && first < next && self.waiting.is_empty() {
            if !self.begun {
                self.open()?;
            }
            if self.last()?.base < next {
                self.begin()?;
            }
        }
        let removed = {
            let mut view = self.topic.view();
            let segments = &view.segments;
            let size = |segment: &Arc<Segment>| segment.length.load(Ordering::Acquire);
            let mut left: u64 = segments.iter().map(size).sum();
            let old = segments.windows(2).take_while(|pair| match trim {
                Trim::Before(offset) => pair[1].base <= offset,
                Trim::Age(_) => pair[1].since < oldest,
                Trim::Bytes(bytes) => {
                    left -= size(&pair[0]);
                    left >= bytes
                }
            });
            let count = old.count();
            view.segments.drain(..count).collect::<Vec<_>>()
        };
        for segment in removed {
            self.unsynced.retain(|other| other.base != segment.base);
            let path = &segment.path;
            std::fs::remove_file(path).map_err(|error| failed(error, "remove", path))?;
        }
        Ok(())
    }
}
