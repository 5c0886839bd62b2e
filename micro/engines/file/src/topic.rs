//! A topic as readers see it: its segments, its readable end, and the progress of its groups.
//!
//! This module writes only while it opens a topic, to cut off an interrupted write.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::SystemTime;

use micro_wake::sync::{Mutex, MutexGuard};
use tokio::sync::watch;

use crate::disk::{Identity, failed};
use crate::frame::nanos;
use crate::frames::FrameReader;
use crate::segment::{SEGMENT_HEAD, Segment};
use crate::{disk, group};
use micro_events::log::{Fetched, Limit, Progress, Tail, deleted, gone};
use micro_message::error::{Error, Result};

/// A topic.
#[derive(Debug)]
pub(super) struct Topic {
    pub(super) name: Arc<str>,
    pub(super) dir: PathBuf,
    /// After loading, only the writing thread changes it.
    view: Mutex<View>,
    pub(super) tail: watch::Sender<Tail>,
}

/// Segments and groups of a topic.
#[derive(Debug, Default)]
pub(super) struct View {
    /// Ordered by offset. The writer appends to the last one.
    pub(super) segments: Vec<Arc<Segment>>,
    pub(super) groups: BTreeMap<String, Progress>,
    /// Whether the last segment is damaged before its end. The file is then left unchanged, and the
    /// next append starts another segment.
    pub(super) sealed: bool,
    /// Identity of the directory; `None` until the directory is created.
    pub(super) identity: Option<Identity>,
}

impl Topic {
    /// Loads a topic from its directory. A missing directory is an empty topic.
    pub(super) fn load(name: &str, dir: PathBuf) -> Result<Self> {
        let mut view = View {
            segments: segments(&dir)?,
            groups: group::load_all(&dir)?,
            sealed: false,
            identity: Identity::at(&dir),
        };
        let end = recover(&mut view)?;
        let next = after_groups(&mut view, &dir, name, end)?;
        Ok(Self {
            name: name.into(),
            dir,
            view: Mutex::new(view),
            tail: watch::Sender::new(Tail { next, life: 0 }),
        })
    }

    pub(super) fn view(&self) -> MutexGuard<'_, View> {
        // The lock ignores poisoning. This is safe because no code panics while the view is only
        // partly changed.
        self.view.lock()
    }

    /// Whether the topic exists. Otherwise the entry is only used by readers that wait for it.
    pub(super) fn is_real(&self) -> bool {
        let view = self.view();
        !view.segments.is_empty() || !view.groups.is_empty()
    }

    pub(super) fn next(&self) -> u64 {
        self.tail.borrow().next
    }

    /// The oldest offset and the next offset.
    pub(super) fn ends(&self) -> (u64, u64) {
        let next = self.next();
        let first = self.view().segments.first().map(|segment| segment.base);
        (first.unwrap_or(next), next)
    }

    /// Offset at which the last `records` records start. The offset is later if these records span
    /// more segments than are needed to hold `bytes` bytes.
    pub(super) fn recent(&self, records: u64, bytes: u64) -> u64 {
        let (first, next) = self.ends();
        let wanted = next.saturating_sub(records).max(first);
        let (mut base, mut read) = (next, 0);
        for segment in self.view().segments.iter().rev() {
            if base <= wanted || read >= bytes {
                break;
            }
            base = segment.base;
            read += segment.length.load(Ordering::Acquire);
        }
        wanted.max(base)
    }

    /// Returns the segment that contains an offset, and the base of the following segment.
    fn locate(&self, offset: u64) -> Result<(Arc<Segment>, Option<u64>)> {
        let view = self.view();
        let after = view
            .segments
            .partition_point(|segment| segment.base <= offset);
        let Some(at) = after.checked_sub(1) else {
            let first = view.segments.first().map_or(0, |segment| segment.base);
            return Err(gone(offset, first));
        };
        let follows = view.segments.get(after).map(|segment| segment.base);
        Ok((Arc::clone(&view.segments[at]), follows))
    }

    /// Fetches records from an offset on. Blocks.
    pub(super) fn fetch(&self, from: u64, limit: Limit) -> Result<Fetched> {
        let life = self.tail.borrow().life;
        let fetched = self.fetch_once(from, limit);
        // The topic may have been deleted or trimmed during the fetch. Return the matching error
        // instead of an I/O error.
        if self.tail.borrow().life != life {
            return Err(deleted(&self.name));
        }
        match fetched {
            Err(error) if from < self.ends().0 => Err(gone(from, self.ends().0).with_source(error)),
            fetched => fetched,
        }
    }

    fn fetch_once(&self, from: u64, limit: Limit) -> Result<Fetched> {
        let mut fetched = Fetched {
            next: from,
            ..Fetched::default()
        };
        let mut bytes = 0;
        let next = self.next();
        while fetched.next < next && fetched.records.len() < limit.records && bytes < limit.bytes {
            let (segment, follows) = self.locate(fetched.next)?;
            if segment.is_gap {
                // Return the offset after the gap, so that groups count the gap as settled.
                fetched.next = follows.unwrap_or(next);
                break;
            }
            let index = segment.index(follows)?;
            if let Some(damage) = index.lost(fetched.next) {
                if fetched.records.is_empty() {
                    fetched.damage = Some(segment.error(damage));
                    fetched.next = damage.to;
                }
                break;
            }
            let mut frames = FrameReader::open(&segment, index.seek(fetched.next))?;
            let before = fetched.next;
            // Records after the start of the next segment do not count.
            let next = follows.map_or(next, |follows| follows.min(next));
            while fetched.next < next && fetched.records.len() < limit.records {
                let read = frames.next();
                let Some(frame) = read.map_err(|e| failed(e, "read", &segment.path))? else {
                    break;
                };
                if frame.offset > fetched.next {
                    break;
                }
                if frame.offset < fetched.next {
                    continue;
                }
                let Some(record) = frame.record(&self.name) else {
                    break;
                };
                bytes += record.event.size();
                fetched.next += 1;
                fetched.records.push(record);
                if bytes >= limit.bytes {
                    break;
                }
            }
            if fetched.next == before {
                return self.stuck(&segment, follows, fetched);
            }
        }
        Ok(fetched)
    }

    /// Handles a record that the index contains but the file does not: the file has changed since
    /// it was indexed.
    fn stuck(
        &self,
        segment: &Segment,
        follows: Option<u64>,
        mut fetched: Fetched,
    ) -> Result<Fetched> {
        if !fetched.records.is_empty() {
            return Ok(fetched);
        }
        segment.forget();
        let index = segment.index(Some(follows.unwrap_or_else(|| self.next())))?;
        let lost = index.lost(fetched.next);
        let Some(damage) = lost else {
            return Err(Error::data_loss(format!(
                "`{}` does not hold offset {} as it did; look after the disk",
                segment.path.display(),
                fetched.next
            )));
        };
        fetched.damage = Some(segment.error(damage));
        fetched.next = damage.to;
        Ok(fetched)
    }

    /// Offset of the first record with this time or later. Blocks.
    pub(super) fn at(&self, time: SystemTime) -> Result<u64> {
        let time = nanos(time);
        let (first, next) = self.ends();
        let base = {
            let view = self.view();
            let after = view
                .segments
                .partition_point(|segment| segment.since < time);
            after.checked_sub(1).map(|at| view.segments[at].base)
        };
        let mut at = base.map_or(first, |base| base.max(first));
        if at < next {
            let (segment, follows) = self.locate(at)?;
            at = segment
                .index(follows)?
                .before(time, segment.base)
                .max(first);
        }
        while at < next {
            let fetched = self.fetch(at, Limit::default())?;
            let found = fetched
                .records
                .iter()
                .find(|record| nanos(record.time) >= time);
            if let Some(record) = found {
                return Ok(record.offset);
            }
            at = fetched.next;
        }
        Ok(at)
    }
}

/// Path of a segment file.
pub(super) fn segment_path(dir: &Path, base: u64) -> PathBuf {
    dir.join(format!("{base:020}.log"))
}

/// Segments in a directory, ordered by offset.
fn segments(dir: &Path) -> Result<Vec<Arc<Segment>>> {
    let mut bases = Vec::new();
    for name in names(dir)? {
        let base = name.strip_suffix(".log").filter(|base| base.len() == 20);
        bases.extend(base.and_then(|base| base.parse::<u64>().ok()));
    }
    bases.sort_unstable();
    let mut since = 0;
    let mut segments = Vec::new();
    for base in bases {
        let segment = Segment::found(base, since, segment_path(dir, base))?;
        since = segment.since;
        segments.push(Arc::new(segment));
    }
    Ok(segments)
}

/// File names in a directory; empty if the directory does not exist.
pub(super) fn names(dir: &Path) -> Result<Vec<String>> {
    let listed = match fs::read_dir(dir) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        listed => listed.and_then(Iterator::collect::<std::io::Result<Vec<_>>>),
    };
    let listed = listed.map_err(|error| failed(error, "list", dir))?;
    let names = listed.into_iter().map(|entry| entry.file_name());
    Ok(names.filter_map(|name| name.into_string().ok()).collect())
}

/// Cuts off an interrupted write and returns the next offset. A damaged segment is left unchanged,
/// because the records after the damage prove that it is not an interrupted write.
fn recover(view: &mut View) -> Result<u64> {
    let Some(last) = view.segments.last() else {
        return Ok(0);
    };
    let index = last.index(None)?;
    let length = last.length.load(Ordering::Acquire);
    view.sealed = !index.is_whole();
    if length < SEGMENT_HEAD {
        // The file was created but its header is incomplete. Write the header again.
        let written = fs::write(&last.path, last.head());
        let synced = written.and_then(|()| fs::File::open(&last.path)?.sync_all());
        synced.map_err(|error| failed(error, "write", &last.path))?;
    } else if index.end < length && !view.sealed {
        let cut = length - index.end;
        let (file, at, offset) = (last.path.display(), index.end, index.next);
        tracing::warn!(%file, at, cut, offset, "cut off a write that had not been finished");
        let file = disk::Appender::open(&last.path, &disk::DiskSpace::default());
        let done = file.and_then(|file| file.cut(index.end).and_then(|()| file.sync()));
        done.map_err(|error| failed(error, "cut", &last.path))?;
    }
    last.length.store(index.end, Ordering::Release);
    Ok(index.next)
}

/// Returns the next offset, given the offset at the end of the log.
///
/// An offset that a group knows has been assigned to a record, even if the record is lost. Records
/// are lost if an older copy of the log was restored, if a file was truncated, or if with
/// `sync=never` the power failed after the group's steps were on the disk but before the records
/// were. If the offset were assigned again, the group would take the new record for the one that it
/// has settled, and never receive it. The log therefore continues after the last offset that any
/// group knows, and the offsets in between become a gap.
///
/// The gap is written with the next record, because reading must not require free space on the
/// disk.
fn after_groups(view: &mut View, dir: &Path, topic: &str, end: u64) -> Result<u64> {
    let Some((group, given)) = view
        .groups
        .iter()
        .map(|(name, progress)| (name.clone(), progress.end()))
        .max_by_key(|(_, given)| *given)
        .filter(|(_, given)| *given > end)
    else {
        return Ok(end);
    };
    tracing::warn!(
        topic,
        group,
        end,
        next = given,
        "records are lost that a group knows of; their offsets become a gap"
    );
    if let Some(last) = view.segments.last() {
        let since = last.index(None)?.last;
        if last.base == end {
            // The segment has no records, so the gap replaces it.
            view.segments.pop();
        }
        let gap = Segment::gap(end, since, segment_path(dir, end));
        view.segments.push(Arc::new(gap));
        view.sealed = false;
    }
    Ok(given)
}
