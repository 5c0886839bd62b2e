//! The writing side of one topic: its last segment, its groups' files, what waits to be written.
//!
//! What fails is taken back: the file is cut to where it was, and all who waited are told.

mod ids;
mod retain;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::SystemTime;

use tokio::sync::oneshot;

use crate::disk::{Appender, failed, make_dir, sync_dir};
use crate::events::{Config, Fsync};
use crate::frame::{self, MORE, OPENS, nanos};
use crate::group::GroupFile;
use crate::segment::{HEAD, Segment, head};
use crate::topic::{Topic, segment_path};
use crate::worker::answer;
use micro_events::Event;
use micro_events::log::{GroupId, Ids, Remembered, Step, deleted};
use micro_message::error::{Error, Result};

/// Bytes that are written at once, and not much more.
const PIECE: usize = 8 << 20;

type Reply<T> = oneshot::Sender<Result<T>>;

pub(super) struct Writer {
    topic: Arc<Topic>,
    config: Config,
    /// The last segment's file; none before it is needed.
    file: Option<Appender>,
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
    waiting: Vec<(u64, Reply<u64>)>,
    /// Ids of the last records; none before one is asked for.
    ids: Option<Remembered>,
    groups: HashMap<String, Group>,
    /// Something is written that nobody has synced.
    dirty: bool,
}

/// A group's file and who waits for what.
struct Group {
    file: GroupFile,
    steps: Vec<Step>,
    waiting: Vec<Reply<()>>,
    dirty: bool,
}

impl Writer {
    pub(super) fn new(topic: Arc<Topic>, config: Config) -> Self {
        let next = topic.next();
        let last = topic.view().segments.last().cloned();
        // The index of the last segment is there since the topic was read.
        let time = last.and_then(|last| last.index(None).ok().map(|index| index.last));
        Self {
            topic,
            config,
            file: None,
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
            dirty: false,
        }
    }

    /// Takes events in; they are written by the next [`flush`](Self::flush).
    pub(super) fn append(&mut self, events: &[Event], ids: Ids, reply: Reply<u64>) {
        if self.buffer.len() > PIECE {
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
            let mut flags = if at + 1 < fresh.len() { MORE } else { 0 };
            if self.buffer.is_empty() {
                flags |= OPENS;
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
    pub(super) fn save(&mut self, group: &GroupId, step: Step, reply: Reply<()>) {
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
            };
            self.groups.insert(name.to_owned(), group);
        }
        Ok(self
            .groups
            .get_mut(name)
            .expect("it has just been put there"))
    }

    /// Writes what waits and answers.
    pub(super) fn flush(&mut self) {
        self.flush_records();
        for (name, group) in &mut self.groups {
            group.flush(&self.topic, name);
        }
    }

    fn flush_records(&mut self) {
        if self.waiting.is_empty() {
            return;
        }
        let outcome = self.write();
        self.buffer.clear();
        self.buffer.shrink_to(PIECE);
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
        let full =
            self.position > HEAD && self.position + self.buffer.len() as u64 > self.config.segment;
        if self.file.is_none() && !self.beginning {
            self.open()?;
        } else if full || self.beginning {
            self.begin()?;
            self.retain();
        }
        let segment = self.last()?;
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
        if let Err(error) = written {
            self.torn = file.cut(self.position).is_err();
            return Err(failed(error, "write", &segment.path));
        }
        self.torn = false;
        self.dirty |= !always;
        self.position += self.buffer.len() as u64;
        segment.grow(self.first, (self.next, self.time, self.position));
        Ok(())
    }

    fn last(&self) -> Result<Arc<Segment>> {
        let last = self.topic.view().segments.last().cloned();
        last.ok_or_else(|| Error::internal("a topic that is written to has no segment"))
    }

    /// Opens the last segment, or begins one.
    fn open(&mut self) -> Result<()> {
        let last = {
            let view = self.topic.view();
            view.segments.last().filter(|_| !view.sealed).cloned()
        };
        let Some(last) = last else {
            return self.begin();
        };
        let file = Appender::open(&last.path, &self.config.room);
        self.file = Some(file.map_err(|error| failed(error, "open", &last.path))?);
        self.position = last.length.load(Ordering::Acquire);
        if self.position + self.buffer.len() as u64 > self.config.segment && self.position > HEAD {
            return self.begin();
        }
        Ok(())
    }

    /// Begins a segment with what is written next.
    fn begin(&mut self) -> Result<()> {
        self.beginning = true;
        self.make_dir()?;
        if let Some(file) = &self.file
            && self.config.sync != Fsync::Never
        {
            let synced = file.sync();
            synced.map_err(|error| failed(error, "sync", &self.topic.dir))?;
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
        let made = Appender::open(&path, &self.config.room).and_then(|mut file| {
            // There may be one of this name without a record that is right.
            file.cut(0)?;
            file.write(&head(base, since))?;
            file.sync()?;
            Ok(file)
        });
        let file = made.map_err(|error| failed(error, "make", &path))?;
        self.sync_dir()?;
        self.file = Some(file);
        (self.position, self.torn, self.beginning) = (HEAD, false, false);
        let mut view = self.topic.view();
        view.segments.retain(|segment| segment.base < base);
        let segment = Segment::new(base, since, path);
        view.segments.push(Arc::new(segment));
        view.sealed = false;
        Ok(())
    }

    /// A time between what is written and what waits.
    fn before(&self) -> u64 {
        if self.waiting.is_empty() {
            self.time
        } else {
            self.first.1
        }
    }

    fn make_dir(&self) -> Result<()> {
        let dir = &self.topic.dir;
        if dir.is_dir() {
            return Ok(());
        }
        let made = make_dir(dir).and_then(|()| sync_dir(dir.parent().unwrap_or(dir)));
        made.map_err(|error| failed(error, "make", dir))
    }

    fn sync_dir(&self) -> Result<()> {
        let dir = &self.topic.dir;
        sync_dir(dir).map_err(|error| failed(error, "sync", dir))
    }

    /// Whether something is written that is not on the disk for sure.
    pub(super) fn is_dirty(&self) -> bool {
        self.dirty || self.groups.values().any(|group| group.dirty)
    }

    /// Makes sure that the disk has all that was written.
    pub(super) fn sync(&mut self) -> Result<()> {
        if self.dirty
            && let Some(file) = &self.file
        {
            let synced = file.sync();
            synced.map_err(|error| failed(error, "sync", &self.topic.dir))?;
        }
        self.dirty = false;
        for group in self.groups.values_mut().filter(|group| group.dirty) {
            group.file.sync()?;
            group.dirty = false;
        }
        Ok(())
    }
}

impl Group {
    fn flush(&mut self, topic: &Topic, name: &str) {
        if self.waiting.is_empty() {
            return;
        }
        let known = topic.view().groups.get(name).cloned();
        let mut progress = known.unwrap_or_default();
        for step in self.steps.drain(..) {
            progress.apply(step);
            self.file.add(step);
        }
        let written = self.file.write(&progress);
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
