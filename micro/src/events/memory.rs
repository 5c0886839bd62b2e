//! The reference backend: topics in this process, for tests and for programs that need no more.
//!
//! Nothing survives the process. Shared by clone; two [`Memory::new`] know nothing of each other.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::sync::watch;

use crate::error::{Error, Result};
use crate::events::backend::Capabilities;
use crate::events::consumer::{Consumer, Options};
use crate::events::log::{
    Fetched, GroupId, Limit, Log, Logged, Progress, Step, Tail, backend, closed, deleted, gone,
};
use crate::events::record::{Event, Record, Start, Trim};
use crate::events::records::Records;
use crate::events::url::Query;

/// Bytes of all topics together before appends are refused.
const BYTES: u64 = 1 << 30;

/// Events kept in memory. Clones share them.
///
/// `memory://` takes `age=1h` and `bytes=64MiB`: what a topic keeps. Without them all is kept, and
/// beyond 1 GiB in all topics appends fail with `ResourceExhausted`: what somebody may still want
/// is not thrown away unasked.
#[derive(Clone)]
pub struct Memory(Logged<Topics>);

impl Memory {
    /// Empty, keeping everything.
    pub fn new() -> Self {
        Self::keeping(None, None, BYTES)
    }

    fn keeping(age: Option<Duration>, bytes: Option<u64>, limit: u64) -> Self {
        Self(Logged::new(Topics {
            age,
            bytes,
            limit,
            world: Mutex::new(Some(World::default())),
        }))
    }

    /// Opens what follows `memory://`.
    pub(super) fn open(rest: &str) -> Result<Self> {
        let (path, mut query) = Query::cut("memory", rest)?;
        if !path.is_empty() {
            return Err(Error::invalid_argument(format!(
                "`memory://{path}` says too much: memory has no place, write `memory://`"
            )));
        }
        let (age, bytes) = (query.duration("age")?, query.bytes("bytes")?);
        query.finish("`age`, `bytes`")?;
        Ok(Self::keeping(age, bytes, BYTES))
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::new()
    }
}

backend!(Memory, "memory", Capabilities::ALL.with_durable(false));

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Memory")
    }
}

struct Topics {
    /// What a topic keeps.
    age: Option<Duration>,
    bytes: Option<u64>,
    /// What all topics may take.
    limit: u64,
    /// None once closed.
    world: Mutex<Option<World>>,
}

#[derive(Default)]
struct World {
    topics: BTreeMap<String, Topic>,
    /// Bytes of all topics.
    bytes: u64,
}

#[derive(Default)]
struct Topic {
    /// The offset of the first of `records`.
    first: u64,
    records: VecDeque<Record>,
    bytes: u64,
    groups: BTreeMap<String, Progress>,
    tail: watch::Sender<Tail>,
    /// Somebody has appended, or a group has begun: it is a topic, and no name that is waited for.
    real: bool,
}

impl Topics {
    fn within<T>(&self, work: impl FnOnce(&mut World) -> Result<T>) -> Result<T> {
        work(self.world().as_mut().ok_or_else(closed)?)
    }

    fn world(&self) -> MutexGuard<'_, Option<World>> {
        // No code panics while it holds the lock halfway through a change.
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Topic {
    fn next(&self) -> u64 {
        self.first + self.records.len() as u64
    }

    /// Removes the oldest records while `old` says so; the bytes that are free now.
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

    fn trim(&mut self, trim: Trim) -> u64 {
        match trim {
            Trim::Before(offset) => self.drop_while(|_, record| record.offset < offset),
            Trim::Bytes(bytes) => self.drop_while(|topic, _| topic.bytes > bytes),
            Trim::Age(age) => {
                let Some(oldest) = SystemTime::now().checked_sub(age) else {
                    return 0;
                };
                self.drop_while(|_, record| record.time < oldest)
            }
        }
    }
}

/// What an event takes here, roughly.
fn size(event: &Event) -> u64 {
    (event.size() + size_of::<Record>()) as u64
}

impl Log for Topics {
    async fn append(&self, topic: &str, events: Vec<Event>) -> Result<u64> {
        self.within(|world| {
            let name: Arc<str> = topic.into();
            let added: u64 = events.iter().map(size).sum();
            if world.bytes + added > self.limit {
                return Err(Error::resource_exhausted(format!(
                    "{} bytes of {} are taken; trim topics, or say `memory://?bytes=64MiB` to \
                     keep less of each",
                    world.bytes, self.limit
                )));
            }
            let topic = world.topics.entry(topic.to_owned()).or_default();
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
                freed += topic.trim(Trim::Bytes(bytes));
            }
            if let Some(age) = self.age {
                freed += topic.trim(Trim::Age(age));
            }
            let next = topic.next();
            topic.tail.send_modify(|tail| tail.next = next);
            world.bytes += added;
            world.bytes -= freed;
            Ok(offset)
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
            // Names that nobody waits for any more.
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
                world.bytes -= topic.trim(trim);
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
        // Dropped with it, the tails tell those who wait.
        drop(self.world().take());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;
    use crate::events::Events;

    #[tokio::test]
    async fn a_full_memory_refuses_and_takes_again_after_a_trim() {
        let events = Events::new(Memory::keeping(None, None, 4096));
        let big = || vec![7; 1000];
        let refused = loop {
            if let Err(error) = events.append_to("a", big()).await {
                break error;
            }
        };
        assert_eq!(refused.kind(), ErrorKind::ResourceExhausted);
        events.trim("a", Trim::Before(1)).await.unwrap();
        events.append_to("b", big()).await.unwrap();
        events.delete("a").await.unwrap();
        for _ in 0..2 {
            events.append_to("b", big()).await.unwrap();
        }
    }

    #[tokio::test]
    async fn a_name_that_nobody_waits_for_is_forgotten() {
        let memory = Memory::new();
        let events = Events::new(memory.clone());
        for name in ["a", "b", "c"] {
            drop(events.read(name, Start::Earliest).await.unwrap());
        }
        let names = memory.0.log.within(|world| Ok(world.topics.len())).unwrap();
        assert_eq!(names, 1);
        assert_eq!(events.topics().await.unwrap(), Vec::<String>::new());
    }
}
