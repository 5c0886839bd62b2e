//! An event log in memory. It implements append and fetch; reading and groups come from
//! `LogBackend`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use micro::events::log::{
    Fetched, GroupId, Ids, Limit, Log, LogBackend, Progress, Step, Tail, closed,
};
use micro::events::{Capabilities, Event, Record, Trim};
use micro::{Error, Result};
use tokio::sync::watch;

/// Maximum number of records per topic. Records are never trimmed, so the log needs a bound.
const MAX_RECORDS: usize = 100_000;

/// The supported features. The contract suite skips the cases of the others.
const CAPABILITIES: Capabilities = Capabilities::ALL
    .with_durable(false)
    .with_trim(false)
    .with_delete(false)
    .with_remembers(false);

/// An event log with one `Vec` per topic, in this process.
#[derive(Clone)]
pub struct Vecs(LogBackend<Topics>);

micro::events::log_backend!(Vecs, "vec", CAPABILITIES);

impl Default for Vecs {
    /// Creates a log without topics.
    fn default() -> Self {
        Self(LogBackend::new(Topics(Mutex::new(Some(BTreeMap::new())))))
    }
}

/// Topics by name. `None` after the log is closed.
pub struct Topics(Mutex<Option<BTreeMap<String, Topic>>>);

#[derive(Default)]
struct Topic {
    /// The offset of a record is its index.
    records: Vec<Record>,
    groups: BTreeMap<String, Progress>,
    tail: watch::Sender<Tail>,
}

impl Topics {
    fn with<T>(&self, topic: &str, work: impl FnOnce(&mut Topic) -> T) -> Result<T> {
        let mut topics = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let topics = topics.as_mut().ok_or_else(closed)?;
        Ok(work(topics.entry(topic.to_owned()).or_default()))
    }
}

impl Log for Topics {
    async fn append(&self, name: &str, events: Vec<Event>, _ids: Ids) -> Result<u64> {
        self.with(name, |topic| {
            let first = topic.records.len();
            if first + events.len() > MAX_RECORDS {
                let text = format!("topic `{name}` may hold {MAX_RECORDS} records");
                return Err(Error::resource_exhausted(text));
            }
            let last = topic.records.last().map(|last| last.time);
            let time = SystemTime::now().max(last.unwrap_or(SystemTime::UNIX_EPOCH));
            let name: Arc<str> = name.into();
            for (event, offset) in events.into_iter().zip(first as u64..) {
                topic
                    .records
                    .push(Record::new(name.clone(), offset, time, event));
            }
            let next = topic.records.len() as u64;
            topic.tail.send_modify(|tail| tail.next = next);
            Ok(first as u64)
        })?
    }

    async fn fetch(&self, topic: &Arc<str>, from: u64, limit: Limit) -> Result<Fetched> {
        self.with(topic, |topic| {
            let (mut bytes, mut fetched) = (
                0,
                Fetched {
                    next: from,
                    ..Fetched::default()
                },
            );
            for record in topic.records.iter().skip(from as usize).take(limit.records) {
                bytes += record.event.payload.len();
                fetched.records.push(record.clone());
                fetched.next = record.offset + 1;
                if bytes >= limit.bytes {
                    break;
                }
            }
            fetched
        })
    }

    async fn ends(&self, topic: &str) -> Result<(u64, u64)> {
        self.with(topic, |topic| (0, topic.records.len() as u64))
    }

    async fn at(&self, topic: &str, time: SystemTime) -> Result<u64> {
        self.with(topic, |topic| {
            topic.records.partition_point(|record| record.time < time) as u64
        })
    }

    async fn tail(&self, topic: &str) -> Result<watch::Receiver<Tail>> {
        self.with(topic, |topic| topic.tail.subscribe())
    }

    async fn load(&self, topic: &str, group: &str) -> Result<Option<Progress>> {
        self.with(topic, |topic| topic.groups.get(group).cloned())
    }

    async fn save(&self, group: &GroupId, step: Step) -> Result<()> {
        let name = group.name.to_string();
        self.with(&group.topic, |topic| {
            topic.groups.entry(name).or_default().apply(step)
        })
    }

    async fn topics(&self) -> Result<Vec<String>> {
        let topics = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let topics = topics.as_ref().ok_or_else(closed)?;
        let used = |topic: &Topic| !topic.records.is_empty() || !topic.groups.is_empty();
        Ok(topics
            .iter()
            .filter(|(_, topic)| used(topic))
            .map(|(name, _)| name.clone())
            .collect())
    }

    async fn trim(&self, _topic: &str, _trim: Trim) -> Result<()> {
        Err(Error::unimplemented("a log in memory is not trimmed"))
    }

    async fn delete(&self, _topic: &str) -> Result<()> {
        Err(Error::unimplemented("a log in memory deletes no topics"))
    }

    async fn close(&self) -> Result<()> {
        // This ends the tails and wakes their waiting readers.
        drop(self.0.lock().unwrap_or_else(PoisonError::into_inner).take());
        Ok(())
    }
}
