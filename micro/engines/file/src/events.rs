//! Events in files: segments of records with checksums, one thread that writes.
//!
//! Not a database, for reasons that `docs/events-file.md` gives with promises and format. Does not
//! serve two processes at once.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use micro_core::internal::run_blocking;
use micro_wake::sync::{Mutex, MutexGuard};
use tokio::sync::{oneshot, watch};

use crate::disk;
use crate::queue::{Job, OpenLog};
use crate::topic::Topic;
use micro_events::Capabilities;
use micro_events::internal::Query;
use micro_events::log::{
    DEFAULT_RECENT_IDS, Fetched, GroupId, Ids, Limit, Log, LogBackend, Progress, Step, Tail, closed,
};
use micro_events::{Event, Trim};
use micro_message::error::{Error, OrError, Result};

/// When the disk is made sure of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Fsync {
    /// Before an append returns: what was appended survives a loss of power. Appends that come
    /// together share one sync.
    #[default]
    Always,
    /// Every 100 ms: a loss of power may take what was appended since; the end of the process
    /// takes nothing.
    Interval,
    /// When the system likes, and on close: as `Interval`, without a bound.
    Never,
}

/// How events are kept in files.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Config {
    /// The directory, by its whole path; made when first used.
    pub dir: PathBuf,
    /// When the disk is made sure of; [`Fsync::Always`] unless set.
    pub sync: Fsync,
    /// Bytes of a segment's file before another is begun; 64 MiB unless set, at most 1 GiB.
    pub segment: u64,
    /// Records older than this are removed, a segment at a time; all are kept unless set.
    pub age: Option<Duration>,
    /// The oldest segments of a topic are removed while the others hold at least so many bytes;
    /// all are kept unless set.
    pub bytes: Option<u64>,
    /// Of how many of a topic's last records the ids are remembered, so that no event is appended
    /// twice under one; 16,384 unless set, none with 0.
    pub remembered: usize,
    /// Files that are kept open for writing, one for each topic and group that is written to; the
    /// one that was not used for longest is closed for another. 256 unless set.
    pub open_files: usize,
    pub(crate) room: disk::DiskSpace,
}

impl Config {
    /// The defaults, in a directory.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            sync: Fsync::default(),
            segment: 64 << 20,
            age: None,
            bytes: None,
            remembered: DEFAULT_RECENT_IDS,
            open_files: 256,
            room: disk::DiskSpace::default(),
        }
    }

    /// Sets [`sync`](Self::sync).
    pub fn with_sync(mut self, sync: Fsync) -> Self {
        self.sync = sync;
        self
    }

    /// Sets [`segment`](Self::segment).
    pub fn with_segment(mut self, bytes: u64) -> Self {
        self.segment = bytes;
        self
    }

    /// Sets [`age`](Self::age).
    pub fn with_age(mut self, age: Duration) -> Self {
        self.age = Some(age);
        self
    }

    /// Sets [`bytes`](Self::bytes).
    pub fn with_bytes(mut self, bytes: u64) -> Self {
        self.bytes = Some(bytes);
        self
    }

    /// Sets [`remembered`](Self::remembered).
    pub fn with_remembered(mut self, records: usize) -> Self {
        self.remembered = records;
        self
    }

    /// Sets [`open_files`](Self::open_files).
    pub fn with_open_files(mut self, files: usize) -> Self {
        self.open_files = files;
        self
    }
}

/// Events in files of this machine, for one process. Clones share them.
///
/// `file:///path` takes `sync=always|interval|never`, `segment=64MiB`, `age=7d`, `bytes=10GiB`,
/// `remembered=16384`, `open_files=256`: see [`Config`].
#[doc = include_str!("../../../docs/events-file.md")]
#[derive(Clone)]
pub struct File(LogBackend<FileLog>);

impl File {
    /// Events in files. Nothing is opened or made before the first use.
    pub fn new(config: Config) -> Self {
        Self(LogBackend::new(FileLog {
            config: Config {
                segment: config.segment.clamp(1, 1 << 30),
                ..config
            },
            stage: Mutex::default(),
            opening: tokio::sync::Mutex::default(),
        }))
    }

    /// Where the events of a program belong, below the user's data directory.
    pub fn default_dir(data_dir: &Path, program: &str) -> PathBuf {
        data_dir.join("micro").join("events").join(program)
    }

    /// Opens what follows `file://`: a directory, or nothing for the one that the app has.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` when it is anything else.
    pub fn open(rest: &str) -> Result<Self> {
        let (path, mut query) = Query::cut("file", rest)?;
        // Nothing: the app knows a place, and without an app the first use says what is missing.
        if !path.is_empty() && !Path::new(path).is_absolute() {
            return Err(Error::invalid_argument(format!(
                "`file://{path}` does not name a directory by its whole path, write \
                 `file:///var/lib/shop/events`"
            )));
        }
        let mut config = Config::new(path);
        let sync = query.take(
            "sync",
            "`always`, `interval` or `never`",
            |text| match text {
                "always" => Some(Fsync::Always),
                "interval" => Some(Fsync::Interval),
                "never" => Some(Fsync::Never),
                _ => None,
            },
        )?;
        config.sync = sync.unwrap_or_default();
        config.segment = query.bytes("segment")?.unwrap_or(config.segment);
        config.age = query.duration("age")?;
        config.bytes = query.bytes("bytes")?;
        config.remembered = query.number("remembered")?.unwrap_or(config.remembered);
        config.open_files = query.number("open_files")?.unwrap_or(config.open_files);
        query.finish("`sync`, `segment`, `age`, `bytes`, `remembered`, `open_files`")?;
        Ok(Self::new(config))
    }
}

micro_events::log_backend!(File, "file", Capabilities::ALL);

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("File").field(&self.0.log.config.dir).finish()
    }
}

struct FileLog {
    config: Config,
    stage: Mutex<Stage>,
    /// Held while opening, so that it is done once.
    opening: tokio::sync::Mutex<()>,
}

#[derive(Default)]
enum Stage {
    /// Nobody has asked for anything yet.
    #[default]
    Idle,
    Open(Arc<OpenLog>),
    Closed,
}

impl FileLog {
    fn stage(&self) -> MutexGuard<'_, Stage> {
        self.stage.lock()
    }

    /// What is open, if it is.
    fn known(&self) -> Result<Option<Arc<OpenLog>>> {
        match &*self.stage() {
            Stage::Idle => Ok(None),
            Stage::Open(opened) => Ok(Some(Arc::clone(opened))),
            Stage::Closed => Err(closed()),
        }
    }

    async fn opened(&self) -> Result<Arc<OpenLog>> {
        if let Some(opened) = self.known()? {
            return Ok(opened);
        }
        let _one = self.opening.lock().await;
        if let Some(opened) = self.known()? {
            return Ok(opened);
        }
        let config = self.config.clone();
        let opened = blocking(move || OpenLog::open(config)).await?;
        let opened = Arc::new(opened);
        let mut stage = self.stage();
        if matches!(*stage, Stage::Closed) {
            return Err(closed());
        }
        *stage = Stage::Open(Arc::clone(&opened));
        Ok(opened)
    }

    /// A topic, read from the disk if need be.
    async fn topic(&self, name: &str) -> Result<(Arc<OpenLog>, Arc<Topic>)> {
        let opened = self.opened().await?;
        if let Some(topic) = opened.known(name) {
            return Ok((opened, topic));
        }
        let (shared, name) = (Arc::clone(&opened), name.to_owned());
        let topic = blocking(move || shared.load(&name)).await?;
        Ok((opened, topic))
    }

    /// Has the writing thread do something and waits for it.
    async fn ask<T>(
        &self,
        topic: &str,
        weight: usize,
        job: impl FnOnce(Arc<Topic>, oneshot::Sender<Result<T>>) -> Job,
    ) -> Result<T> {
        let (opened, topic) = self.topic(topic).await?;
        let (reply, answer) = oneshot::channel();
        opened.send(job(topic, reply), weight).await?;
        answer.await.unwrap_or_else(|_| Err(closed()))
    }
}

/// Runs file work where it may block.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let done = run_blocking(work).await;
    done.or_internal("the file work did not end")?
}

impl Log for FileLog {
    async fn append(&self, topic: &str, events: Vec<Event>, ids: Ids) -> Result<u64> {
        let weight = events.iter().map(Event::size).sum();
        self.ask(topic, weight, |topic, reply| Job::Append {
            topic,
            events,
            ids,
            reply,
        })
        .await
    }

    async fn fetch(&self, topic: &Arc<str>, from: u64, limit: Limit) -> Result<Fetched> {
        let (_, topic) = self.topic(topic).await?;
        blocking(move || topic.fetch(from, limit)).await
    }

    async fn ends(&self, topic: &str) -> Result<(u64, u64)> {
        let (_, topic) = self.topic(topic).await?;
        Ok(topic.ends())
    }

    async fn at(&self, topic: &str, time: SystemTime) -> Result<u64> {
        let (_, topic) = self.topic(topic).await?;
        blocking(move || topic.at(time)).await
    }

    async fn tail(&self, topic: &str) -> Result<watch::Receiver<Tail>> {
        let (_, topic) = self.topic(topic).await?;
        Ok(topic.tail.subscribe())
    }

    async fn load(&self, topic: &str, group: &str) -> Result<Option<Progress>> {
        let (_, topic) = self.topic(topic).await?;
        let view = topic.view();
        Ok(view.groups.get(group).cloned())
    }

    async fn save(&self, group: &GroupId, step: Step) -> Result<()> {
        self.ask(&group.topic, 0, |topic, reply| Job::Save {
            topic,
            group: group.clone(),
            step,
            reply,
        })
        .await
    }

    async fn topics(&self) -> Result<Vec<String>> {
        let opened = self.opened().await?;
        blocking(move || opened.topics()).await
    }

    async fn trim(&self, topic: &str, trim: Trim) -> Result<()> {
        self.ask(topic, 0, |topic, reply| Job::Trim { topic, trim, reply })
            .await
    }

    async fn delete(&self, topic: &str) -> Result<()> {
        self.ask(topic, 0, |topic, reply| Job::Delete { topic, reply })
            .await
    }

    async fn close(&self) -> Result<()> {
        let stage = std::mem::replace(&mut *self.stage(), Stage::Closed);
        match stage {
            Stage::Open(opened) => opened.close().await,
            Stage::Idle | Stage::Closed => Ok(()),
        }
    }
}
