//! One file of a topic: a header followed by frames without gaps. This module finds records in the
//! file and reports damage.
//!
//! It never writes. The writer cuts off interrupted writes.

use std::fs;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use crate::crc::crc32c;
use crate::disk::{Identity, failed};
use crate::frame::{self, CONTINUES_BATCH, Frame, STARTS_WRITE};
use micro_message::error::{Error, Result};
use micro_wake::sync::Mutex;

/// Size of the header, in bytes.
pub(super) const SEGMENT_HEAD: u64 = 32;
const MAGIC: &[u8; 8] = b"MICROEVT";
/// Format number of a segment with records.
const FORMAT_RECORDS: u32 = 1;
/// Format number of a segment without records, whose offsets are a gap. Programs that only know
/// segments with records refuse this format.
const FORMAT_GAP: u32 = 2;
/// Minimum distance between two index entries, in bytes.
const INDEX_STRIDE: u64 = 16 << 10;

/// A segment file.
#[derive(Debug)]
pub(super) struct Segment {
    /// Offset of the first record. The file name contains it.
    pub(super) base: u64,
    /// Lower bound of the times of all records, in nanoseconds since 1970.
    pub(super) since: u64,
    /// Whether the segment has no records. Its offsets, up to the start of the next segment, are a
    /// gap.
    pub(super) is_gap: bool,
    pub(super) path: PathBuf,
    /// Identity of the file. Set when the file is first opened for writing, because some file
    /// systems assign another identity then.
    pub(super) identity: OnceLock<Identity>,
    /// Number of readable bytes. The writer increases it once the bytes are as durable as promised.
    pub(super) length: AtomicU64,
    /// Built on first use; extended by the writer.
    index: Mutex<Option<Arc<Index>>>,
}

/// Positions of the records in a segment.
#[derive(Debug, Clone, Default)]
pub(super) struct Index {
    entries: Vec<Entry>,
    /// Damaged parts, in order.
    damage: Vec<Damage>,
    /// Offset after the last record.
    pub(super) next: u64,
    /// Time of the last record.
    pub(super) last: u64,
    /// Position after the last complete batch.
    pub(super) end: u64,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    offset: u64,
    time: u64,
    position: u64,
}

/// A part of the file that is not valid, and the offsets that are missing because of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Damage {
    position: u64,
    from: u64,
    pub(super) to: u64,
    /// Position at which valid records continue.
    until: u64,
}

/// Encodes the header of a segment with records.
pub(super) fn head(base: u64, since: u64) -> Vec<u8> {
    head_of(FORMAT_RECORDS, base, since)
}

fn head_of(format: u32, base: u64, since: u64) -> Vec<u8> {
    let mut head = Vec::with_capacity(32);
    head.extend_from_slice(MAGIC);
    head.extend_from_slice(&format.to_le_bytes());
    head.extend_from_slice(&base.to_le_bytes());
    head.extend_from_slice(&since.to_le_bytes());
    head.extend_from_slice(&crc32c(&head, &[]).to_le_bytes());
    head
}

/// Reads the format and the time from a header; `None` if the header is damaged.
fn read_head(path: &Path) -> Result<Option<(u32, u64)>> {
    let mut head = [0; 32];
    let read = fs::File::open(path).and_then(|mut file| file.read_exact(&mut head));
    match read {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        read => read.map_err(|error| failed(error, "read", path))?,
    }
    let number = |at: usize| head[at..at + 8].try_into().map(u64::from_le_bytes).ok();
    let short = |at: usize| head[at..at + 4].try_into().map(u32::from_le_bytes).ok();
    if head[..8] != *MAGIC || short(28) != Some(crc32c(&head[..28], &[])) {
        return Ok(None);
    }
    match (short(8), number(20)) {
        (Some(format @ (FORMAT_RECORDS | FORMAT_GAP)), Some(since)) => Ok(Some((format, since))),
        (format, _) => Err(Error::failed_precondition(format!(
            "`{}` has format {}, this program reads {FORMAT_RECORDS} and {FORMAT_GAP}; use the program that \
             wrote it",
            path.display(),
            format.unwrap_or_default()
        ))),
    }
}

impl Segment {
    /// Creates a new segment with no readable records.
    pub(super) fn new(base: u64, since: u64, path: PathBuf) -> Self {
        let index = Index {
            next: base,
            last: since,
            end: SEGMENT_HEAD,
            ..Index::default()
        };
        Self {
            base,
            since,
            is_gap: false,
            path,
            identity: OnceLock::new(),
            length: AtomicU64::new(SEGMENT_HEAD),
            index: Mutex::new(Some(Arc::new(index))),
        }
    }

    /// Creates a segment without records. Its file may not exist yet; see [`head`](Self::head).
    pub(super) fn gap(base: u64, since: u64, path: PathBuf) -> Self {
        Self {
            is_gap: true,
            ..Self::new(base, since, path)
        }
    }

    /// The header of the file.
    pub(super) fn head(&self) -> Vec<u8> {
        let format = if self.is_gap {
            FORMAT_GAP
        } else {
            FORMAT_RECORDS
        };
        head_of(format, self.base, self.since)
    }

    /// Opens an existing segment. `since` applies if the header is damaged.
    pub(super) fn found(base: u64, since: u64, path: PathBuf) -> Result<Self> {
        let (format, since) = read_head(&path)?.unwrap_or((FORMAT_RECORDS, since));
        let found = fs::metadata(&path).map_err(|error| failed(error, "look at", &path))?;
        Ok(Self {
            base,
            since,
            is_gap: format == FORMAT_GAP,
            length: AtomicU64::new(found.len()),
            identity: OnceLock::new(),
            path,
            index: Mutex::new(None),
        })
    }

    /// Returns the index, which is built if necessary. `next` is the offset at which the following
    /// segment starts.
    pub(super) fn index(&self, next: Option<u64>) -> Result<Arc<Index>> {
        if self.is_gap {
            return Ok(Arc::new(Index {
                next: next.unwrap_or(self.base),
                last: self.since,
                end: SEGMENT_HEAD,
                ..Index::default()
            }));
        }
        let mut index = self.index.lock();
        if let Some(index) = &*index {
            return Ok(Arc::clone(index));
        }
        let bytes = fs::read(&self.path).map_err(|error| failed(error, "read", &self.path))?;
        let found = Arc::new(scanned(&bytes, (self.base, self.since), next));
        *index = Some(Arc::clone(&found));
        Ok(found)
    }

    /// Drops the index, because the file has changed.
    pub(super) fn forget(&self) {
        *self.index.lock() = None;
    }

    /// Records a completed write: `first` is its first record, `end` is the new end.
    pub(super) fn grow(&self, first: (u64, u64), end: (u64, u64, u64)) {
        let mut index = self.index.lock();
        let position = self.length.load(Ordering::Acquire);
        if let Some(index) = &mut *index {
            // Clones the index only while a reader holds it.
            let index = Arc::make_mut(index);
            let (offset, time) = first;
            index.enter(offset, time, position);
            (index.next, index.last, index.end) = end;
        }
        self.length.store(end.2, Ordering::Release);
    }

    /// Opens the file for reading at a position.
    pub(super) fn open(&self, position: u64) -> Result<fs::File> {
        let opened = fs::File::open(&self.path).and_then(|mut file| {
            file.seek(SeekFrom::Start(position))?;
            Ok(file)
        });
        opened.map_err(|error| failed(error, "read", &self.path))
    }

    pub(super) fn error(&self, damage: Damage) -> Error {
        Error::data_loss(format!(
            "`{}` is damaged at byte {}: offsets {} to {} cannot be read; reading may go on from \
             offset {}",
            self.path.display(),
            damage.position,
            damage.from,
            damage.to.saturating_sub(1),
            damage.to
        ))
    }
}

impl Index {
    fn enter(&mut self, offset: u64, time: u64, position: u64) {
        let far = |last: &Entry| position >= last.position + INDEX_STRIDE;
        let after_damage = |last: &Entry| {
            let damage = self.damage.last();
            damage.is_some_and(|damage| damage.until > last.position)
        };
        if self
            .entries
            .last()
            .is_none_or(|last| far(last) || after_damage(last))
        {
            self.entries.push(Entry {
                offset,
                time,
                position,
            });
        }
    }

    /// Position of a frame at or before an offset.
    pub(super) fn seek(&self, offset: u64) -> u64 {
        let after = self.entries.partition_point(|entry| entry.offset <= offset);
        after
            .checked_sub(1)
            .map_or(SEGMENT_HEAD, |at| self.entries[at].position)
    }

    /// An offset at or before the first record with this time or later.
    pub(super) fn before(&self, time: u64, base: u64) -> u64 {
        let after = self.entries.partition_point(|entry| entry.time < time);
        after
            .checked_sub(1)
            .map_or(base, |at| self.entries[at].offset)
    }

    /// The damage that contains the offset, if any.
    pub(super) fn lost(&self, offset: u64) -> Option<Damage> {
        let within = |damage: &&Damage| (damage.from..damage.to).contains(&offset);
        self.damage.iter().find(within).copied()
    }

    pub(super) fn is_whole(&self) -> bool {
        self.damage.is_empty()
    }
}

/// Builds the index of the bytes of a segment. `next` is the offset at which the following segment
/// starts.
pub(super) fn scanned(bytes: &[u8], (base, since): (u64, u64), next: Option<u64>) -> Index {
    let mut scan = Scan::new(bytes, base, since);
    scan.run();
    match next {
        Some(next) => scan.closed(next),
        None => scan.last(),
    }
}

/// Scans the bytes of a segment without trusting any of them.
struct Scan<'a> {
    bytes: &'a [u8],
    position: u64,
    /// The index up to the last complete batch.
    index: Index,
    /// Offset after the last frame, whose batch may be incomplete.
    next: u64,
    /// Time of the last frame.
    time: u64,
    /// The index before the first damage that no later write has confirmed; `None` without such
    /// damage.
    doubt: Option<Index>,
}

impl<'a> Scan<'a> {
    fn new(bytes: &'a [u8], base: u64, since: u64) -> Self {
        let index = Index {
            next: base,
            last: since,
            end: SEGMENT_HEAD,
            ..Index::default()
        };
        Self {
            bytes,
            position: SEGMENT_HEAD,
            index,
            next: base,
            time: since,
            doubt: None,
        }
    }

    fn at(&self, position: u64) -> &'a [u8] {
        let position = usize::try_from(position).unwrap_or(usize::MAX);
        self.bytes.get(position..).unwrap_or_default()
    }

    fn run(&mut self) {
        loop {
            let rest = self.at(self.position);
            if rest.is_empty() {
                return;
            }
            match frame::read(rest).filter(|frame| self.follows(frame)) {
                Some(frame) => self.take(frame),
                None if self.resume() => {}
                None => return,
            }
        }
    }

    /// Whether the frame has the next offset and another frame can follow it.
    fn follows(&self, frame: &Frame<'_>) -> bool {
        frame.offset == self.next && frame.offset < u64::MAX
    }

    fn take(&mut self, frame: Frame<'_>) {
        if frame.flags & STARTS_WRITE != 0 && self.doubt.take().is_some() {
            // A later write starts after the damage, so the damage is not an interrupted write. The
            // offsets before this frame have been assigned, even if this write was interrupted
            // itself.
            self.index.next = frame.offset;
            self.index.last = frame.time;
            self.index.end = self.position;
        }
        self.index.enter(frame.offset, frame.time, self.position);
        self.position += frame.length as u64;
        self.next = frame.offset + 1;
        self.time = frame.time;
        if frame.flags & CONTINUES_BATCH == 0 {
            self.index.next = self.next;
            self.index.last = self.time;
            self.index.end = self.position;
        }
    }

    /// Searches the next valid frame after damage.
    fn resume(&mut self) -> bool {
        let room = self.at(self.position).len() as u64;
        let offsets = self.next..=self.next.saturating_add(room);
        for ahead in 1..room {
            let rest = self.at(self.position + ahead);
            if !frame::may_begin(rest, offsets.clone()) {
                continue;
            }
            if let Some(frame) = frame::read(rest) {
                let before = self.index.clone();
                self.doubt.get_or_insert(before);
                self.index.damage.push(Damage {
                    position: self.position,
                    from: self.next,
                    to: frame.offset,
                    until: self.position + ahead,
                });
                self.position += ahead;
                self.next = frame.offset;
                return true;
            }
        }
        false
    }

    /// Completes the index of a segment that another segment follows. Missing offsets count as
    /// damage.
    fn closed(mut self, next: u64) -> Index {
        if self.index.next < next {
            self.index.damage.push(Damage {
                position: self.index.end,
                from: self.index.next,
                to: next,
                until: u64::MAX,
            });
        }
        self.index.next = next;
        self.index
    }

    /// Completes the index of the last segment. An interrupted write does not count as damage.
    fn last(self) -> Index {
        let mut index = self.doubt.unwrap_or(self.index);
        let end = index.end;
        index.entries.retain(|entry| entry.position < end);
        index
    }
}
