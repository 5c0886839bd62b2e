//! Toolkit for backends that store topics as logs. It implements readers that follow the end of a
//! topic, and consumer groups. The backend implements [`Log`]: append, fetch, and persist the
//! progress of groups.
//!
//! Backends whose server provides consumer groups do not use it.

mod age_clock;
mod group;
mod progress;
mod reader;
mod recent_ids;
mod state;

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Weak};
use std::time::SystemTime;

use tokio::sync::{Mutex, watch};

use crate::consumer::{Consumer, Options};
use crate::handle::dead_topic;
use crate::log::group::{Group, Member};
use crate::log::reader::Reader;
use crate::record::{Event, Record, Start, Trim};
use crate::records::Records;
use micro_message::error::Error;

#[doc(hidden)]
pub use micro_message::error::Result;

pub use self::age_clock::AgeClock;
pub use self::progress::{Progress, Step};
pub use self::recent_ids::{DEFAULT_RECENT_IDS, Ids, RecentIds};

/// Operations of a log. Names and sizes have been checked by the handle.
pub trait Log: Send + Sync + 'static {
    /// Appends all events or none, without those whose ids are remembered. Returns the offset of
    /// the first event.
    fn append(
        &self,
        topic: &str,
        events: Vec<Event>,
        ids: Ids,
    ) -> impl Future<Output = Result<u64>> + Send;

    /// Fetches records from an offset on, within `limit`. Returns at least one record if one
    /// exists. Fails with `OutOfRange` if the record at `from` has been removed.
    fn fetch(
        &self,
        topic: &Arc<str>,
        from: u64,
        limit: Limit,
    ) -> impl Future<Output = Result<Fetched>> + Send;

    /// The oldest offset and the next offset. Both are 0 for an unknown topic.
    fn ends(&self, topic: &str) -> impl Future<Output = Result<(u64, u64)>> + Send;

    /// Offset of the first record with this time or later. If there is none, the next offset.
    fn at(&self, topic: &str, time: SystemTime) -> impl Future<Output = Result<u64>> + Send;

    /// Subscribes to the end of a topic. The channel closes when the log is closed.
    fn tail(&self, topic: &str) -> impl Future<Output = Result<watch::Receiver<Tail>>> + Send;

    /// Loads the progress of a group; `None` if the group is unknown.
    fn load(
        &self,
        topic: &str,
        group: &str,
    ) -> impl Future<Output = Result<Option<Progress>>> + Send;

    /// Persists a change of a group's progress. Fails with `Aborted` if the topic has been deleted
    /// since the group was created.
    fn save(&self, group: &GroupId, step: Step) -> impl Future<Output = Result<()>> + Send;

    /// Names of the topics that have records or groups.
    fn topics(&self) -> impl Future<Output = Result<Vec<String>>> + Send;

    /// Removes records from the beginning of a topic. An unknown topic is not an error. The log may
    /// keep more records than requested.
    fn trim(&self, topic: &str, trim: Trim) -> impl Future<Output = Result<()>> + Send;

    /// Removes a topic with its groups and increments its [`life`](Tail::life). An unknown topic is
    /// not an error.
    fn delete(&self, topic: &str) -> impl Future<Output = Result<()>> + Send;

    /// Finishes pending operations and releases all resources, including the senders of tails.
    /// Later operations fail with [`closed`]. Closing a closed log is not an error.
    fn close(&self) -> impl Future<Output = Result<()>> + Send;
}

/// The end of a topic.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tail {
    /// The next offset.
    pub next: u64,
    /// Number of times that the topic has been deleted.
    pub life: u64,
}

/// Identifies a consumer group.
#[derive(Debug, Clone)]
pub struct GroupId {
    /// The topic that the group consumes.
    pub topic: Arc<str>,
    /// Name of the group.
    pub name: Arc<str>,
    /// The topic's `life` in which the group was created.
    pub life: u64,
}

/// Limits of one fetch.
#[derive(Debug, Clone, Copy)]
pub struct Limit {
    /// Maximum number of records.
    pub records: usize,
    /// Number of bytes after which no further record is added. The result can exceed it by one
    /// record.
    pub bytes: usize,
}

impl Default for Limit {
    fn default() -> Self {
        Self {
            records: 1024,
            bytes: 256 << 10,
        }
    }
}

/// Result of one fetch.
#[derive(Debug, Default)]
pub struct Fetched {
    /// The records, in order.
    pub records: Vec<Record>,
    /// Offset at which to continue. Offsets between the last record and this one have no record.
    pub next: u64,
    /// Error if the data between the last record and `next` is damaged; `None` if the offsets are a
    /// gap.
    pub damage: Option<Error>,
}

/// A log with readers and consumer groups. Clones share it.
#[derive(Debug)]
pub struct LogBackend<L> {
    /// The log itself.
    pub log: Arc<L>,
    /// Groups that have consumers, by topic and name.
    groups: Arc<Mutex<Groups<L>>>,
}

type Groups<L> = HashMap<(String, String), Weak<Group<L>>>;

impl<L: Log> LogBackend<L> {
    /// Adds readers and consumer groups to a log.
    pub fn new(log: L) -> Self {
        Self {
            log: Arc::new(log),
            groups: Arc::default(),
        }
    }

    /// Implements [`Backend::read`](crate::Backend::read).
    pub async fn read(&self, topic: &str, start: Start) -> Result<Records> {
        let tail = self.log.tail(topic).await?;
        let next = self.resolve(topic, start).await?;
        let reader = Reader::new(Arc::clone(&self.log), topic, next, tail);
        Ok(Records::new(reader))
    }

    /// Implements [`Backend::consume`](crate::Backend::consume).
    pub async fn consume(&self, topic: &str, name: &str, options: Options) -> Result<Consumer> {
        let tail = self.log.tail(topic).await?;
        let mut groups = self.groups.lock().await;
        groups.retain(|_, group| group.strong_count() > 0);
        let id = (topic.to_owned(), name.to_owned());
        let known = groups.get(&id).and_then(Weak::upgrade);
        let group = match known {
            // A group that was created before the topic was deleted does not belong to the current
            // topic.
            Some(group) if group.id.life == tail.borrow().life => group,
            _ => {
                let own = GroupId {
                    topic: topic.into(),
                    name: name.into(),
                    life: tail.borrow().life,
                };
                let progress = self.begin(&own, options.start).await?;
                let log = Arc::clone(&self.log);
                let group = Arc::new(Group::new(log, own, progress));
                groups.insert(id, Arc::downgrade(&group));
                group
            }
        };
        let dead = options.dead_letter.clone();
        let dead = dead.unwrap_or_else(|| dead_topic(topic));
        Ok(Consumer::new(Member::new(group, options, dead, tail)))
    }

    /// Returns the progress of a group. A new group is persisted first.
    async fn begin(&self, group: &GroupId, start: Start) -> Result<Progress> {
        if let Some(progress) = self.log.load(&group.topic, &group.name).await? {
            return Ok(progress);
        }
        let start = Step::Start(self.resolve(&group.topic, start).await?);
        self.log.save(group, start).await?;
        let mut progress = Progress::default();
        progress.apply(start);
        Ok(progress)
    }

    async fn resolve(&self, topic: &str, start: Start) -> Result<u64> {
        if let Start::Time(time) = start {
            return self.log.at(topic, time).await;
        }
        let (first, next) = self.log.ends(topic).await?;
        match start {
            Start::Latest => Ok(next),
            Start::Offset(offset) if offset < first => Err(gone(offset, first)),
            Start::Offset(offset) if offset > next => Err(Error::out_of_range(format!(
                "offset {offset} lies beyond the next, {next}"
            ))),
            Start::Offset(offset) => Ok(offset),
            _ => Ok(first),
        }
    }

    /// Implements [`Backend::lag`](crate::Backend::lag).
    pub async fn lag(&self, topic: &str, group: &str) -> Result<u64> {
        let (first, next) = self.log.ends(topic).await?;
        let progress = self.log.load(topic, group).await?.unwrap_or_default();
        Ok(progress.lag(first, next))
    }
}

impl<L> Clone for LogBackend<L> {
    fn clone(&self) -> Self {
        Self {
            log: Arc::clone(&self.log),
            groups: Arc::clone(&self.groups),
        }
    }
}

/// Error for an offset that has been removed.
pub fn gone(offset: u64, first: u64) -> Error {
    Error::out_of_range(format!(
        "offset {offset} has been removed, the oldest is {first}"
    ))
}

/// Error for a topic that has been deleted, even if it was created again.
pub fn deleted(topic: &str) -> Error {
    Error::aborted(format!("topic `{topic}` has been deleted"))
}

/// Error for a log that is closed.
pub fn closed() -> Error {
    Error::unavailable("the events have been closed")
}

/// Implements [`Backend`](crate::Backend) for a type whose only field is a
/// [`LogBackend`](crate::log::LogBackend), for example `log_backend!(File, "file",
/// Capabilities::ALL);`.
#[macro_export]
macro_rules! log_backend {
    ($type:ty, $scheme:literal, $capabilities:expr) => {
        impl $crate::Backend for $type {
            fn scheme(&self) -> &'static str {
                $scheme
            }

            fn capabilities(&self) -> $crate::Capabilities {
                $capabilities
            }

            async fn append(
                &self,
                topic: &str,
                events: ::std::vec::Vec<$crate::Event>,
            ) -> $crate::log::Result<u64> {
                $crate::log::Log::append(&*self.0.log, topic, events, $crate::log::Ids::Once).await
            }

            async fn read(
                &self,
                topic: &str,
                start: $crate::Start,
            ) -> $crate::log::Result<$crate::Records> {
                self.0.read(topic, start).await
            }

            async fn consume(
                &self,
                topic: &str,
                group: &str,
                options: $crate::Options,
            ) -> $crate::log::Result<$crate::Consumer> {
                self.0.consume(topic, group, options).await
            }

            async fn lag(&self, topic: &str, group: &str) -> $crate::log::Result<u64> {
                self.0.lag(topic, group).await
            }

            async fn topics(&self) -> $crate::log::Result<::std::vec::Vec<::std::string::String>> {
                $crate::log::Log::topics(&*self.0.log).await
            }

            async fn trim(&self, topic: &str, trim: $crate::Trim) -> $crate::log::Result<()> {
                $crate::log::Log::trim(&*self.0.log, topic, trim).await
            }

            async fn delete(&self, topic: &str) -> $crate::log::Result<()> {
                $crate::log::Log::delete(&*self.0.log, topic).await
            }

            async fn close(&self) -> $crate::log::Result<()> {
                $crate::log::Log::close(&*self.0.log).await
            }
        }
    };
}
