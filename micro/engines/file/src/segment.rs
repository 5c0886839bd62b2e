//! One file of a topic: a head, then frames without a gap. Finds records in it, and says what of
//! it cannot be read.
//!
//! Does not write, and changes nothing: what is to be cut off is told to whoever owns the file.

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

/// Bytes of the head.
pub(super) const SEGMENT_HEAD: u64 = 32;
const MAGIC: &[u8; 8] = b"MICROEVT";
/// Of a segment of records.
const FORMAT_RECORDS: u32 = 1;
/// Of one without: its offsets are a gap. Programs that know of records alone refuse it.
const FORMAT_GAP: u32 = 2;
/// Bytes from one entry of the index to the next.
const INDEX_STRIDE: u64 = 16 << 10;

/// A file of records.
#[derive(Debug)]
pub(super) struct Segment {
    /// The offset of its first record; also its name.
    pub(super) base: u64,
    /// No record in it is earlier: nanoseconds since 1970.
    pub(super) since: u64,
    /// It holds no record: its offsets, up to the beginning of the next one, are a gap.
    pub(super) is_gap: bool,
    pub(super) path: PathBuf,
    /// Of the file, once it was opened to be written to: some file systems give a file another
    /// then.
    pub(super) identity: OnceLock<Identity>,
    /// Bytes that may be read; grown by the writer once they are as durable as promised.
    pub(super) length: AtomicU64,
    /// Made when first needed; added to by the writer.
    index: Mutex<Option<Arc<Index>>>,
}

/// Where records are.
#[derive(Debug, Clone, Default)]
pub(super) struct Index {
    entries: Vec<Entry>,
    /// What cannot be read, in order.
    damage: Vec<Damage>,
    /// The offset behind the last record.
    pub(super) next: u64,
    /// The time of the last record.
    pub(super) last: u64,
    /// Bytes up to behind the last whole batch.
    pub(super) end: u64,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    offset: u64,
    time: u64,
    position: u64,
}

/// Bytes that are no records, and the offsets that are missing for it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Damage {
    position: u64,
    from: u64,
    pub(super) to: u64,
    /// Where records go on.
    until: u64,
}

/// The head of a segment of records.
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

/// The format and the time in a head; none when the head is damaged.
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
    /// A new one, of which nothing may be read yet.
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

    /// One without records. It may not be on the disk yet: see [`head`](Self::head).
    pub(super) fn gap(base: u64, since: u64, path: PathBuf) -> Self {
        Self {
            is_gap: true,
            ..Self::new(base, since, path)
        }
    }

    /// The bytes that its file begins with.
    pub(super) fn head(&self) -> Vec<u8> {
        let format = if self.is_gap {
            FORMAT_GAP
        } else {
            FORMAT_RECORDS
        };
        head_of(format, self.base, self.since)
    }

    /// One that is there; `since` is taken when its head does not say.
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

    /// Where its records are. `next` is the offset that the following segment begins with.
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

    /// Forgets the index: the bytes have changed under it.
    pub(super) fn forget(&self) {
        *self.index.lock() = None;
    }

    /// Notes records that were written: the first, and where all end.
    pub(super) fn grow(&self, first: (u64, u64), end: (u64, u64, u64)) {
        let mut index = self.index.lock();
        let position = self.length.load(Ordering::Acquire);
        if let Some(index) = &mut *index {
            // Copied only while somebody reads by it.
            let index = Arc::make_mut(index);
            let (offset, time) = first;
            index.enter(offset, time, position);
            (index.next, index.last, index.end) = end;
        }
        self.length.store(end.2, Ordering::Release);
    }

    /// Opens it for reading at a position.
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

    /// The position of a frame at or before an offset.
    pub(super) fn seek(&self, offset: u64) -> u64 {
        let after = self.entries.partition_point(|entry| entry.offset <= offset);
        after
            .checked_sub(1)
            .map_or(SEGMENT_HEAD, |at| self.entries[at].position)
    }

    /// An offset at or before the first record of a time.
    pub(super) fn before(&self, time: u64, base: u64) -> u64 {
        let after = self.entries.partition_point(|entry| entry.time < time);
        after
            .checked_sub(1)
            .map_or(base, |at| self.entries[at].offset)
    }

    /// The damage that an offset is lost in.
    pub(super) fn lost(&self, offset: u64) -> Option<Damage> {
        let within = |damage: &&Damage| (damage.from..damage.to).contains(&offset);
        self.damage.iter().find(within).copied()
    }

    pub(super) fn is_whole(&self) -> bool {
        self.damage.is_empty()
    }
}

/// Where records are in these bytes of a segment, of which `next` is the offset that the following
/// segment begins with.
pub(super) fn scanned(bytes: &[u8], (base, since): (u64, u64), next: Option<u64>) -> Index {
    let mut scan = Scan::new(bytes, base, since);
    scan.run();
    match next {
        Some(next) => scan.closed(next),
        None => scan.last(),
    }
}

/// Goes through a segment's bytes and believes none of them.
struct Scan<'a> {
    bytes: &'a [u8],
    position: u64,
    /// The index up to the last whole batch.
    index: Index,
    /// Offset and position behind the last frame, of a batch that may not be whole.
    next: u64,
    /// The last time seen.
    time: u64,
    /// Damage that no later write has confirmed, at an index of `index.damage`, and the index as
    /// it was before.
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

    /// Whether a frame is the next, and one may follow it.
    fn follows(&self, frame: &Frame<'_>) -> bool {
        frame.offset == self.next && frame.offset < u64::MAX
    }

    fn take(&mut self, frame: Frame<'_>) {
        if frame.flags & STARTS_WRITE != 0 && self.doubt.take().is_some() {
            // Somebody wrote on behind the damage, so it is no write that was cut short; and
            // offsets up to here were given away, even if this write is one.
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

    /// Finds the next frame behind damage.
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

    /// What a segment holds that another follows: what it lacks is damage.
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

    /// What the last segment holds: a write that was cut short is none.
    fn last(self) -> Index {
        let mut index = self.doubt.unwrap_or(self.index);
        let end = index.end;
        index.entries.retain(|entry| entry.position < end);
        index
    }
}
