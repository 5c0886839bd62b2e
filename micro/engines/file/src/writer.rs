//! The writing side of one topic: its last segment, its groups' files, what waits to be written.
//!
//! What fails is taken back: the file is cut to where it was, and all who waited are told.
//!
//! **Order of syncs.** A step of a group is written after the record that it settles, and made
//! sure of on the disk after it: [`sync`](Writer::sync) syncs the segments first and no group's
//! file if that fails, and a group's file is written anew (which syncs it) only once all segments
//! are synced. Else a loss of power could leave a group that has settled what the log does not
//! have. The system may write either file earlier than it is told to; what opening does about that
//! is told at `after_groups` in `topic.rs`.

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

/// Bytes that are written at once, and not much more.
const WRITE_CHUNK: usize = 8 << 20;

type Responder<T> = oneshot::Sender<Result<T>>;

pub(super) struct Writer {
    topic: Arc<Topic>,
    config: Config,
    lock: Arc<Lock>,
    ages: Arc<AgeClock>,
    /// The last segment's file; none before it is needed, and while it is closed to have fewer
    /// files open.
    file: Option<Appender>,
    /// Whether the last segment's file was opened, be it closed by now.
    begun: bool,
    /// When the file was last used, by the count of the worker.
    used: u64,
    /// Bytes of the file that are right.
    position: u64,
    /// The end of the file may be wrong: cut it before writing.
    torn: bool,
    /// A segment was to be begun and is perhaps on the disk, half: nothing may be written to the
    /// one before it.
    beginning: bool,
    /// The offset and the time of what is appended next.
    next: u64,
    time: u64,
    /// Frames that wait, the first one's offset and time, and who waits for them.
    buffer: Vec<u8>,
    first: (u64, u64),
    waiting: Vec<(u64, Responder<u64>)>,
    /// Ids of the last records; none before one is asked for.
    ids: Option<RecentIds>,
    groups: HashMap<String, Group>,
    /// Segments that something was written to and that nobody has synced, the oldest first.
    unsynced: VecDeque<Arc<Segment>>,
}

/// A group's file and who waits for what.
struct Group {
    file: GroupFile,
    steps: Vec<Step>,
    waiting: Vec<Responder<()>>,
    dirty: bool,
    /// When the file was last used, by the count of the worker.
    used: u64,
}

/// A file that is open: of which group, or of the log; and when it was last used.
pub(super) type Handle = (u64, Option<String>);

impl Writer {
    pub(super) fn new(
        topic: Arc<Topic>,
        config: Config,
        (lock, ages): (Arc<Lock>, Arc<AgeClock>),
    ) -> Self {
        let next = topic.next();
        let last = topic.view().segments.last().cloned();
        // The index of the last segment is there since the topic was read.
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

    /// Takes events in; they are written by the next [`flush`](Self::flush).
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
        // Where nothing is new it waits for what is being written under its id.
        self.waiting.push((stands, reply));
    }

    /// Takes a step in; it is written by the next [`flush`](Self::flush).
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

    /// Writes what waits and answers. `now` counts up from one call to the next.
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

    /// Writes a group's file anew: see the order of syncs.
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

    /// The files that are open.
    pub(super) fn handles(&self) -> impl Iterator<Item = Handle> {
        let groups = self.groups.iter().filter(|(_, group)| group.file.is_open());
        let log = self.file.as_ref().map(|_| (self.used, None));
        let groups = groups.map(|(name, group)| (group.used, Some(name.clone())));
        log.into_iter().chain(groups)
    }

    /// Closes a file until it is needed again. What is not synced yet stays noted: syncing opens
    /// it once more.
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

    /// Writes the buffer, whole or not at all.
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
        // Before anybody is told that it is there: one look at the path beside a write.
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

    /// The file of a segment that is there.
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

    /// Opens the last segment, or begins one.
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

    /// Begins a segment with what is written next.
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
        // What is in there already is earlier, what comes is not.
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

    /// Makes the file of a segment that has nothing but its head.
    fn make(&self, path: &Path, head: &[u8]) -> Result<Appender> {
        let made = Appender::open(path, &self.config.room).and_then(|mut file| {
            // There may be one of this name without a record that is right.
            file.cut(0)?;
            file.write(head)?;
            file.sync()?;
            Ok(file)
        });
        made.map_err(|error| failed(error, "make", path))
    }

    /// A time between what is written and what waits.
    fn before(&self) -> u64 {
        if self.waiting.is_empty() {
            self.time
        } else {
            self.first.1
        }
    }

    /// Makes the directory if there has been none; one that was there must be there.
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

    /// Whether something is written that is not on the disk for sure.
    pub(super) fn is_dirty(&self) -> bool {
        !self.unsynced.is_empty() || self.groups.values().any(|group| group.dirty)
    }

    /// Makes sure that the disk has all that was written.
    pub(super) fn sync(&mut self) -> Result<()> {
        self.sync_log()?;
        for group in self.groups.values_mut().filter(|group| group.dirty) {
            group.file.sync()?;
            group.dirty = false;
        }
        Ok(())
    }

    /// Makes sure that the disk has all records, the oldest first.
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

/// An error once more, for the next who waits.
pub(super) fn again(error: &Error) -> Error {
    Error::new(error.kind(), error.chain())
}
