//! The reference backend: topics in the memory of this process, for tests and for programs that do
//! not need durability.
//!
//! All data is lost when the process ends. Clones share their topics; two values created by
//! [`Memory::new`] are independent.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use micro_wake::sync::{Mutex, MutexGuard};
use tokio::sync::watch;

use crate::backend::Capabilities;
use crate::log::{
    AgeClock, DEFAULT_RECENT_IDS, Fetched, GroupId, Ids, Limit, Log, LogBackend, Progress,
    RecentIds, Step, Tail, closed, deleted, gone,
};
use crate::record::{Event, Record, Trim};
use crate::url::Query;
use micro_message::error::{Error, Result};

/// Maximum number of bytes in all topics. Further appends fail.
const MAX_BYTES: u64 = 1 << 30;

/// Events kept in memory. Clones share them.
///
/// The URL `memory://` takes these settings:
///
/// - `age=1h` and `bytes=64MiB`: maximum age and size of the records kept per topic. Without them,
///   no record is removed, and appends fail with `ResourceExhausted` once all topics together hold
///   1 GiB.
/// - `remembered=16384`: number of the topic's last records whose ids are remembered, as long as
///   these records are kept. Default: 16,384.
#[derive(Clone)]
pub struct Memory(LogBackend<Topics>);

impl Memory {
    /// Creates an empty backend that never removes records on its own.
    pub fn new() -> Self {
        Self::keeping((None, None), MAX_BYTES, DEFAULT_RECENT_IDS)
    }

    fn keeping(
        (age, bytes): (Option<Duration>, Option<u64>),
        limit: u64,
        remembered: usize,
    ) -> Self {
        Self(LogBackend::new(Topics {
            age,
            bytes,
            limit,
            remembered: remembered as u64,
            ages: AgeClock::default(),
            world: Mutex::new(Some(State::default())),
        }))
    }

    /// Opens the part of the URL after `memory://`.
    pub(super) fn open(rest: &str) -> Result<Self> {
        let (path, mut query) = Query::cut("memory", rest)?;
        if !path.is_empty() {
            return Err(Error::invalid_argument(format!(
                "`memory://{path}` is invalid: the memory backend takes no parameters; write \
                 `memory://`"
            )));
        }
        let (age, bytes) = (query.duration("age")?, query.bytes("bytes")?);
        let remembered = query.number("remembered")?.unwrap_or(DEFAULT_RECENT_IDS);
        query.finish("`age`, `bytes`, `remembered`")?;
        Ok(Self::keeping((age, bytes), MAX_BYTES, remembered))
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::new()
    }
}

crate::log_backend!(Memory, "memory", Capabilities::ALL.with_durable(false));

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Memory")
    }
}

struct Topics {
    /// Maximum age of the records of a topic. The next field limits their bytes.
    age: Option<Duration>,
    bytes: Option<u64>,
    /// Maximum number of bytes in all topics.
    limit: u64,
    /// Number of a topic's last records whose ids are compared with the ids of new events.
    remembered: u64,
    ages: AgeClock,
    /// `None` after `close`.
    world: Mutex<Option<State>>,
}

#[derive(Default)]
struct State {
    topics: BTreeMap<String, Topic>,
    /// Number of bytes in all topics.
    bytes: u64,
}

#[derive(Default)]
struct Topic {
    /// Offset of the first element of `records`.
    first: u64,
    records: VecDeque<Record>,
    bytes: u64,
    ids: RecentIds,
    groups: BTreeMap<String, Progress>,
    tail: watch::Sender<Tail>,
    /// Whether an event was appended or a group was created. Otherwise the entry exists only
    /// because a reader waits for the topic to be created.
    real: bool,
}

impl Topics {
    fn within<T>(&self, work: impl FnOnce(&mut State) -> Result<T>) -> Result<T> {
        work(self.world().as_mut().ok_or_else(closed)?)
    }

    fn world(&self) -> MutexGuard<'_, Option<State>> {
        // The lock ignores poisoning. This is safe because no code panics while the state is only
        // partly changed.
        self.world.lock()
    }
}

impl Topic {
    fn next(&self) -> u64 {
        self.first + self.records.len() as u64
    }

    /// Filters out events whose ids are remembered and remembers the ids of the others. Returns the
    /// offset of the first event, whether it is already stored or still to be appended, and the
    /// events to append.
    fn fresh(&mut self, events: Vec<Event>, remembered: u64) -> (u64, Vec<Event>) {
        let (mut next, mut at) = (self.next(), None);
        let mut fresh = Vec::with_capacity(events.len());
        for event in events {
            let from = self.first.max(next.saturating_sub(remembered));
            let known = event.known_by().and_then(|id| self.ids.find(id, from));
            at = at.or(known).or(Some(next));
            if known.is_some() {
                continue;
            }
            if let Some(id) = event.known_by()
                && remembered > 0
            {
                self.ids.add(id, next, from);
            }
            fresh.push(event);
            next += 1;
        }
        (at.unwrap_or(next), fresh)
    }

    /// Removes the oldest records while `old` returns true. Returns the number of bytes freed.
    fn drop_while(&mut self, old: impl Fn(&Self, &Record) -> bool) -> u64 {
        let before = self.bytes;
        while self.records.front().is_some_and(|record| old(self, record)) {
            if let Some(record) = self.records.pop_front() {
                self.bytes -= size(&record.event);
                self.first += 1;
            }
        }
        before - self.bytes
    }

    fn trim(&mut self, trim: Trim, ages: &AgeClock) -> u64 {
        match trim {
            Trim::Before(offset) => self.drop_while(|_, record| record.offset < offset),
            Trim::Bytes(bytes) => self.drop_while(|topic, _| topic.bytes > bytes),
            Trim::Age(age) => {
                let Some(oldest) = ages.oldest(age) else {
                    return 0;
                };
                self.drop_while(|_, record| record.time < oldest)
            }
        }
    }
}

/// Approximate number of bytes that an event occupies.
fn size(event: &Event) -> u64 {
    (event.size() + size_of::<Record>()) as u64
}

impl Log for Topics {
    async fn append(&self, topic: &str, events: Vec<Event>, ids: Ids) -> Result<u64> {
        self.within(|world| {
            let name: Arc<str> = topic.into();
            let known = world.topics.entry(topic.to_owned()).or_default();
            let (at, events) = match ids {
                Ids::Once => known.fresh(events, self.remembered),
                Ids::Any => (known.next(), events),
            };
            let added: u64 = events.iter().map(size).sum();
            if world.bytes + added > self.limit {
                known.ids.forget_from(known.next());
                return Err(Error::resource_exhausted(format!(
                    "{} bytes of {} are taken; trim topics, or say `memory://?bytes=64MiB` to \
                     keep less of each",
                    world.bytes, self.limit
                )));
            }
            let topic = known;
            topic.real = true;
            let last = topic.records.back().map(|last| last.time);
            let time = SystemTime::now().max(last.unwrap_or(SystemTime::UNIX_EPOCH));
            let offset = topic.next();
            for (event, offset) in events.into_iter().zip(offset..) {
                let record = Record::new(Arc::clone(&name), offset, time, event);
                topic.records.push_back(record);
            }
            topic.bytes += added;
            let mut freed = 0;
            if let Some(bytes) = self.bytes {
                freed += topic.trim(Trim::Bytes(bytes), &self.ages);
            }
            if let Some(age) = self.age {
                freed += topic.trim(Trim::Age(age), &self.ages);
            }
            let next = topic.next();
            topic.tail.send_modify(|tail| tail.next = next);
            world.bytes += added;
            world.bytes -= freed;
            Ok(at)
        })
    }

    async fn fetch(&self, topic: &Arc<str>, from: u64, limit: Limit) -> Result<Fetched> {
        self.within(|world| {
            let mut fetched = Fetched {
                next: from,
                ..Fetched::default()
            };
            let Some(topic) = world.topics.get(&**topic) else {
                return Ok(fetched);
            };
            let skip = from
                .checked_sub(topic.first)
                .ok_or_else(|| gone(from, topic.first))?;
            let skip = usize::try_from(skip).unwrap_or(usize::MAX);
            let mut bytes = 0;
            for record in topic.records.iter().skip(skip).take(limit.records) {
                bytes += record.event.size();
                fetched.records.push(record.clone());
                fetched.next = record.offset + 1;
                if bytes >= limit.bytes {
                    break;
                }
            }
            Ok(fetched)
        })
    }

    async fn ends(&self, topic: &str) -> Result<(u64, u64)> {
        self.within(|world| {
            let topic = world.topics.get(topic);
            Ok(topic.map_or((0, 0), |topic| (topic.first, topic.next())))
        })
    }

    async fn at(&self, topic: &str, time: SystemTime) -> Result<u64> {
        self.within(|world| {
            let Some(topic) = world.topics.get(topic) else {
                return Ok(0);
            };
            let before = topic.records.partition_point(|record| record.time < time);
            Ok(topic.first + before as u64)
        })
    }

    async fn tail(&self, topic: &str) -> Result<watch::Receiver<Tail>> {
        self.within(|world| {
            // Remove entries of topics that do not exist and no longer have a waiting reader.
            world
                .topics
                .retain(|_, topic| topic.real || topic.tail.receiver_count() > 0);
            let topic = world.topics.entry(topic.to_owned()).or_default();
            Ok(topic.tail.subscribe())
        })
    }

    async fn load(&self, topic: &str, group: &str) -> Result<Option<Progress>> {
        self.within(|world| {
            let topic = world.topics.get(topic);
            Ok(topic.and_then(|topic| topic.groups.get(group).cloned()))
        })
    }

    async fn save(&self, group: &GroupId, step: Step) -> Result<()> {
        self.within(|world| {
            let topic = world.topics.entry(group.topic.to_string()).or_default();
            if topic.tail.borrow().life != group.life {
                return Err(deleted(&group.topic));
            }
            topic.real = true;
            let progress = topic.groups.entry(group.name.to_string()).or_default();
            progress.apply(step);
            Ok(())
        })
    }

    async fn topics(&self) -> Result<Vec<String>> {
        self.within(|world| {
            let real = world.topics.iter().filter(|(_, topic)| topic.real);
            Ok(real.map(|(name, _)| name.clone()).collect())
        })
    }

    async fn trim(&self, topic: &str, trim: Trim) -> Result<()> {
        self.within(|world| {
            if let Some(topic) = world.topics.get_mut(topic) {
                world.bytes -= topic.trim(trim, &self.ages);
            }
            Ok(())
        })
    }

    async fn delete(&self, topic: &str) -> Result<()> {
        self.within(|world| {
            let Some(topic) = world.topics.get_mut(topic) else {
                return Ok(());
            };
            world.bytes -= topic.bytes;
            let tail = std::mem::take(&mut topic.tail);
            *topic = Topic {
                tail,
                ..Topic::default()
            };
            topic.tail.send_modify(|tail| {
                *tail = Tail {
                    next: 0,
                    life: tail.life + 1,
                };
            });
            Ok(())
        })
    }

    async fn close(&self) -> Result<()> {
        // Dropping the state drops the tail senders, which wakes the waiting readers and consumers.
        drop(self.world().take());
        Ok(())
    }
}
