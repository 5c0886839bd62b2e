//! Writes one topic: its last segment, the files of its groups, and the buffer of records to be
//! written.
//!
//! A failed write is rolled back: the file is truncated to its previous length, and every waiting
//! caller receives the error.
//!
//! **Order of syncs.** A group's step must not reach the disk before the record that it settles.
//! Otherwise a loss of power could leave a group that has settled records which the log does not
//! contain. Therefore [`sync`](Writer::sync) syncs the segments first, and no group file if that
//! fails. A group file is rewritten, which syncs it, only once all segments are synced. The
//! operating system may still write a group file to the disk earlier; `after_groups` in `topic.rs`
//! handles this case when the topic is opened.

mod ids;
mod retain;

use std::collections::{HashMap, VecDeque};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::SystemTime;

use tokio::sync::oneshot;

use crate::disk::{Appender, Identity, failed, lost, make_dir, sync_dir};
use crate::events::{Config, Fsync};
use crate::frame::{self, CONTINUES_BATCH, STARTS_WRITE, nanos};
use crate::group::GroupFile;
use crate::lock::Lock;
use crate::segment::{SEGMENT_HEAD, Segment, head};
use crate::topic::{Topic, segment_path};
use crate::worker::answer;
use micro_events::Event;
use micro_events::log::{AgeClock, GroupId, Ids, RecentIds, Step, deleted};
use micro_message::error::{Error, Result};

/// Size of the buffer at which it is written, in bytes. One call of `append` can exceed it.
const WRITE_CHUNK: usize = 8 << 20;

type Responder<T> = oneshot::Sender<Result<T>>;

pub(super) struct Writer {
    topic: Arc<Topic>,
    config: Config,
    lock: Arc<Lock>,
    ages: Arc<AgeClock>,
    /// File of the last segment. `None` before it is needed, and while it is closed to limit the
    /// number of open files.
    file: Option<Appender>,
    /// Whether the file of the last segment has been opened, even if it is closed now.
    begun: bool,
    /// Value of the worker's counter when the file was last used.
    used: u64,
    /// Number of valid bytes in the file.
    position: u64,
    /// Whether the file may have invalid bytes at its end. It must then be truncated before the
    /// next write.
    torn: bool,
    /// Whether the start of a new segment has failed halfway, so that its file may exist. Nothing
    /// may then be written to the previous segment.
    beginning: bool,
    /// Offset and time of the next record.
    next: u64,
    time: u64,
    /// Encoded frames to be written, the offset and time of the first one, and the callers that
    /// wait for them.
    buffer: Vec<u8>,
    first: (u64, u64),
    waiting: Vec<(u64, Responder<u64>)>,
    /// Ids of the last records; `None` until an id is first looked up.
    ids: Option<RecentIds>,
    groups: HashMap<String, Group>,
    /// Segments with writes that are not synced, oldest first.
    unsynced: VecDeque<Arc<Segment>>,
}

/// The file of a group, with the callers that wait for its steps.
struct Group {
    file: GroupFile,
    steps: Vec<Step>,
    waiting: Vec<Responder<()>>,
    dirty: bool,
    /// Value of the worker's counter when the file was last used.
    used: u64,
}

/// An open file: the counter value when it was last used, and the name of the group, or `None` for
/// the log.
pub(super) type Handle = (u64, Option<String>);

impl Writer {
    pub(super) fn new(
        topic: Arc<Topic>,
        config: Config,
        (lock, ages): (Arc<Lock>, Arc<AgeClock>),
    ) -> Self {
        let next = topic.next();
        let last = topic.view().segments.last().cloned();
        // The index of the last segment was built when the topic was loaded.
        let time = last.and_then(|last| last.index(None).ok().map(|index| index.last));
        Self {
            topic,
            config,
            lock,
            ages,
            file: None,
            begun: false,
            used: 0,
            position: 0,
            torn: false,
            beginning: false,
            next,
            time: time.unwrap_or(0),
            buffer: Vec::new(),
            first: (next, 0),
            waiting: Vec::new(),
            ids: None,
            groups: HashMap::new(),
            unsynced: VecDeque::new(),
        }
    }

    /// Adds events to the buffer. The next [`flush`](Self::flush) writes them.
    pub(super) fn append(&mut self, events: &[Event], ids: Ids, reply: Responder<u64>) {
        if self.buffer.len() > WRITE_CHUNK {
            self.flush_records();
        }
        let (stands, fresh) = match self.fresh(events, ids) {
            Ok(fresh) => fresh,
            Err(error) => return answer(reply, Err(error)),
        };
        if fresh.is_empty() && stands < self.topic.next() {
            return answer(reply, Ok(stands));
        }
        let (start, offset) = (self.buffer.len(), self.next);
        self.time = self.time.max(nanos(SystemTime::now()));
        for (at, event) in fresh.iter().enumerate() {
            let mut flags = if at + 1 < fresh.len() {
                CONTINUES_BATCH
            } else {
                0
            };
            if self.buffer.is_empty() {
                flags |= STARTS_WRITE;
                self.first = (offset, self.time);
            }
            let place = (self.next, self.time, flags);
            if let Err(error) = frame::write(&mut self.buffer, place, event) {
                self.buffer.truncate(start);
                self.next = offset;
                self.forget_from(offset);
                return answer(reply, Err(error));
            }
            self.next += 1;
        }
        // If no event is new, the reply waits for the buffered record with the same id.
        self.waiting.push((stands, reply));
    }

    /// Adds a step to a group. The next [`flush`](Self::flush) writes it.
    pub(super) fn save(&mut self, group: &GroupId, step: Step, reply: Responder<()>) {
        if self.topic.tail.borrow().life != group.life {
            return answer(reply, Err(deleted(&group.topic)));
        }
        match self.group(&group.name) {
            Ok(group) => {
                group.steps.push(step);
                group.waiting.push(reply);
            }
            Err(error) => answer(reply, Err(error)),
        }
    }

    fn group(&mut self, name: &str) -> Result<&mut Group> {
        if !self.groups.contains_key(name) {
            self.make_dir()?;
            let file = GroupFile::open(&self.topic.dir, name, &self.config.room)?;
            self.sync_dir()?;
            let group = Group {
                file,
                steps: Vec::new(),
                waiting: Vec::new(),
                dirty: false,
                used: self.used,
            };
            self.groups.insert(name.to_owned(), group);
        }
        Ok(self
            .groups
            .get_mut(name)
            .expect("it has just been put there"))
    }

    /// Writes all buffered records and steps, and sends the replies. `now` is the worker's counter.
    pub(super) fn flush(&mut self, now: u64) {
        if !self.waiting.is_empty() {
            self.used = now;
        }
        self.flush_records();
        let mut grown = Vec::new();
        for (name, group) in &mut self.groups {
            if group.waiting.is_empty() {
                continue;
            }
            group.used = now;
            group.flush(&self.topic, name);
            if group.file.has_grown() {
                grown.push(name.clone());
            }
        }
        for name in grown {
            self.compact(&name);
        }
    }

    /// Rewrites a group file. The segments are synced first; see "Order of syncs" in the module
    /// documentation.
    fn compact(&mut self, name: &str) {
        if let Err(error) = self.sync_log() {
            let topic = &*self.topic.name;
            tracing::warn!(topic, group = name, %error, "a group's file grows");
            return;
        }
        let progress = self.topic.view().groups.get(name).cloned();
        if let (Some(group), Some(progress)) = (self.groups.get_mut(name), progress) {
            group.file.compact(&progress);
        }
    }

    /// The open files of this topic.
    pub(super) fn handles(&self) -> impl Iterator<Item = Handle> {
        let groups = self.groups.iter().filter(|(_, group)| group.file.is_open());
        let log = self.file.as_ref().map(|_| (self.used, None));
        let groups = groups.map(|(name, group)| (group.used, Some(name.clone())));
        log.into_iter().chain(groups)
    }

    /// Closes a file until it is needed again. Writes that are not synced remain recorded, and a
    /// sync opens the file again.
    pub(super) fn close(&mut self, group: Option<&str>) {
        match group {
            None => self.file = None,
            Some(name) => {
                if let Some(group) = self.groups.get_mut(name) {
                    group.file.close();
                }
            }
        }
    }

    fn flush_records(&mut self) {
        if self.waiting.is_empty() {
            return;
        }
        let outcome = self.write();
        self.buffer.clear();
        self.buffer.shrink_to(WRITE_CHUNK);
        if let Err(error) = &outcome {
            self.next = self.first.0;
            self.forget_from(self.next);
            for (_, reply) in self.waiting.drain(..) {
                answer(reply, Err(again(error)));
            }
            return;
        }
        let next = self.next;
        self.topic.tail.send_modify(|tail| tail.next = next);
        for (offset, reply) in self.waiting.drain(..) {
            answer(reply, Ok(offset));
        }
    }

    /// Writes the whole buffer or nothing.
    fn write(&mut self) -> Result<()> {
        let full = self.position > SEGMENT_HEAD
            && self.position + self.buffer.len() as u64 > self.config.segment;
        if !self.begun && !self.beginning {
            self.open()?;
        } else if full || self.beginning {
            self.begin()?;
            self.retain();
        }
        let segment = self.last()?;
        if self.file.is_none() {
            self.file = Some(self.reopened(&segment)?);
        }
        let file = self.file.as_mut().expect("it has just been opened");
        let cleared = if self.torn {
            file.cut(self.position)
        } else {
            Ok(())
        };
        let always = self.config.sync == Fsync::Always;
        let written = cleared.and_then(|()| {
            self.torn = true;
            file.write(&self.buffer)?;
            if always { file.sync() } else { Ok(()) }
        });
        let written = written.map_err(|error| failed(error, "write", &segment.path));
        // Verify that the path still leads to this file before the append is confirmed. This costs
        // one lookup of the path per write.
        let written = match written {
            Ok(()) if !file.identity().is_at(&segment.path) => Err(lost(&self.topic.dir)),
            written => written,
        };
        if let Err(error) = written {
            self.torn = file.cut(self.position).is_err();
            return Err(error);
        }
        self.torn = false;
        let noted = self.unsynced.back().map(|last| last.base);
        if !always && noted != Some(segment.base) {
            self.unsynced.push_back(Arc::clone(&segment));
        }
        self.position += self.buffer.len() as u64;
        segment.grow(self.first, (self.next, self.time, self.position));
        Ok(())
    }

    /// Opens the existing file of a segment.
    fn reopened(&self, segment: &Segment) -> Result<Appender> {
        let length = segment.length.load(Ordering::Acquire);
        let known = (segment.identity.get().copied(), length);
        let file = Appender::again(&segment.path, known, &self.config.room);
        file.map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound | std::io::ErrorKind::Other => {
                lost(&self.topic.dir).with_source(error)
            }
            _ => failed(error, "open", &segment.path),
        })
    }

    fn last(&self) -> Result<Arc<Segment>> {
        let last = self.topic.view().segments.last().cloned();
        last.ok_or_else(|| Error::internal("a topic that is written to has no segment"))
    }

    /// Opens the last segment, or starts a new one.
    fn open(&mut self) -> Result<()> {
        let last = {
            let view = self.topic.view();
            let last = view.segments.last();
            last.filter(|last| !view.sealed && !last.is_gap).cloned()
        };
        let Some(last) = last else {
            return self.begin();
        };
        let file = self.reopened(&last)?;
        last.identity.get_or_init(|| file.identity());
        self.file = Some(file);
        self.begun = true;
        self.position = last.length.load(Ordering::Acquire);
        if self.position + self.buffer.len() as u64 > self.config.segment
            && self.position > SEGMENT_HEAD
        {
            return self.begin();
        }
        Ok(())
    }

    /// Starts a new segment for the next write.
    fn begin(&mut self) -> Result<()> {
        self.beginning = true;
        self.make_dir()?;
        self.lock.check()?;
        let last = self.topic.view().segments.last().cloned();
        if let Some(last) = &last {
            let is_there = |identity: &Identity| identity.is_at(&last.path);
            if !last.identity.get().is_none_or(is_there) {
                return Err(lost(&self.topic.dir));
            }
        }
        if self.config.sync != Fsync::Never {
            self.sync_log()?;
        }
        if let Some(gap) = last.filter(|last| last.is_gap) {
            self.make(&gap.path, &gap.head())?;
        }
        let base = if self.waiting.is_empty() {
            self.next
        } else {
            self.first.0
        };
        // All existing records have this time or an earlier one. New records are not earlier.
        let since = self
            .topic
            .view()
            .segments
            .last()
            .map_or(0, |_| self.before());
        let path = segment_path(&self.topic.dir, base);
        let file = self.make(&path, &head(base, since))?;
        let identity = file.identity();
        self.sync_dir()?;
        self.file = Some(file);
        self.begun = true;
        (self.position, self.torn, self.beginning) = (SEGMENT_HEAD, false, false);
        let mut view = self.topic.view();
        view.segments.retain(|segment| segment.base < base);
        let segment = Segment::new(base, since, path);
        segment.identity.get_or_init(|| identity);
        view.segments.push(Arc::new(segment));
        view.sealed = false;
        Ok(())
    }

    /// Creates a segment file that contains only a header.
    fn make(&self, path: &Path, head: &[u8]) -> Result<Appender> {
        let made = Appender::open(path, &self.config.room).and_then(|mut file| {
            // A file of this name may exist, but it has no valid record.
            file.cut(0)?;
            file.write(head)?;
            file.sync()?;
            Ok(file)
        });
        made.map_err(|error| failed(error, "make", path))
    }

    /// A time at or after the last written record and not after the first buffered one.
    fn before(&self) -> u64 {
        if self.waiting.is_empty() {
            self.time
        } else {
            self.first.1
        }
    }

    /// Creates the directory if it has never existed. A directory that existed before must still be
    /// there.
    fn make_dir(&self) -> Result<()> {
        let dir = &self.topic.dir;
        let known = self.topic.view().identity;
        match (known, Identity::at(dir)) {
            (Some(known), found) if found == Some(known) => return Ok(()),
            (Some(_), _) => return Err(lost(dir)),
            (None, Some(_)) => {}
            (None, None) => {
                self.lock.check()?;
                let made = make_dir(dir).and_then(|()| sync_dir(dir.parent().unwrap_or(dir)));
                made.map_err(|error| failed(error, "make", dir))?;
            }
        }
        self.topic.view().identity = Identity::at(dir);
        Ok(())
    }

    fn sync_dir(&self) -> Result<()> {
        let dir = &self.topic.dir;
        sync_dir(dir).map_err(|error| failed(error, "sync", dir))
    }

    /// Whether there are writes that are not synced.
    pub(super) fn is_dirty(&self) -> bool {
        !self.unsynced.is_empty() || self.groups.values().any(|group| group.dirty)
    }

    /// Syncs all records, then all groups.
    pub(super) fn sync(&mut self) -> Result<()> {
        self.sync_log()?;
        for group in self.groups.values_mut().filter(|group| group.dirty) {
            group.file.sync()?;
            group.dirty = false;
        }
        Ok(())
    }

    /// Syncs all segments, oldest first.
    fn sync_log(&mut self) -> Result<()> {
        let last = self.topic.view().segments.last().map(|last| last.base);
        while let Some(segment) = self.unsynced.front() {
            let synced = match &self.file {
                Some(file) if last == Some(segment.base) => file.sync(),
                _ => self.reopened(segment)?.sync(),
            };
            synced.map_err(|error| failed(error, "sync", &segment.path))?;
            self.unsynced.pop_front();
        }
        Ok(())
    }
}

impl Group {
    fn flush(&mut self, topic: &Topic, name: &str) {
        let known = topic.view().groups.get(name).cloned();
        let mut progress = known.unwrap_or_default();
        for step in self.steps.drain(..) {
            progress.apply(step);
            self.file.add(step);
        }
        let written = self.file.write();
        if written.is_ok() {
            self.dirty = true;
            topic.view().groups.insert(name.to_owned(), progress);
        }
        for reply in self.waiting.drain(..) {
            answer(reply, written.as_ref().copied().map_err(again));
        }
    }
}

/// Copies an error, for the next waiting caller.
pub(super) fn again(error: &Error) -> Error {
    Error::new(error.kind(), error.chain())
}
