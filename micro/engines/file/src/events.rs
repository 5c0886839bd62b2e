//! Event log in files: segments of records with checksums, written by one thread.
//!
//! `docs/events-file.md` describes the guarantees, the format, and why no database is used. A
//! directory can be used by only one process at a time.

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

/// When written data is synced to the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Fsync {
    /// Before an append returns. Appended events survive a loss of power. Concurrent appends share
    /// one sync.
    #[default]
    Always,
    /// Every 100 ms. A loss of power can lose the events of the last interval. The end of the
    /// process loses nothing.
    Interval,
    /// When the operating system decides, and on close. As with `Interval`, a loss of power can
    /// lose events, but without a time limit.
    Never,
}

/// Configuration of the event log in files.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Config {
    /// Absolute path of the directory, which is created on first use.
    pub dir: PathBuf,
    /// When written data is synced to the disk. Default: [`Fsync::Always`].
    pub sync: Fsync,
    /// Size in bytes at which a new segment file is started. Default: 64 MiB; maximum: 1 GiB.
    pub segment: u64,
    /// Maximum age of records. Older records are removed, one segment at a time. Default: no limit.
    pub age: Option<Duration>,
    /// Number of bytes to keep per topic. The oldest segment is removed as long as the remaining
    /// ones hold at least this number. Default: no limit.
    pub bytes: Option<u64>,
    /// Number of a topic's last records whose ids are remembered. An event with a remembered id is
    /// not appended again. 0 disables this. Default: 16,384.
    pub remembered: usize,
    /// Maximum number of files open for writing. Each written topic and group uses one. The least
    /// recently used file is closed to open another. Default: 256.
    pub open_files: usize,
    pub(crate) room: disk::DiskSpace,
}

impl Config {
    /// Creates the default configuration for a directory.
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

/// Event log in files on this machine, for one process. Clones share it.
///
/// The URL `file:///path` takes the settings `sync=always|interval|never`, `segment=64MiB`,
/// `age=7d`, `bytes=10GiB`, `remembered=16384` and `open_files=256`; see [`Config`].
#[doc = include_str!("../../../docs/events-file.md")]
#[derive(Clone)]
pub struct File(LogBackend<FileLog>);

impl File {
    /// Creates an event log. Files are opened or created on first use.
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

    /// Default directory of a program's events, below the user's data directory.
    pub fn default_dir(data_dir: &Path, program: &str) -> PathBuf {
        data_dir.join("micro").join("events").join(program)
    }

    /// Opens the part of the URL after `file://`: an absolute path, or nothing for the default
    /// directory of the app.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` for a relative path and for an invalid setting.
    pub fn open(rest: &str) -> Result<Self> {
        let (path, mut query) = Query::cut("file", rest)?;
        // An empty path means the default directory of the app. Without an app, the first use
        // fails.
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
    /// Held while opening, so that the directory is opened once.
    opening: tokio::sync::Mutex<()>,
}

#[derive(Default)]
enum Stage {
    /// Not used yet.
    #[default]
    Idle,
    Open(Arc<OpenLog>),
    Closed,
}

impl FileLog {
    fn stage(&self) -> MutexGuard<'_, Stage> {
        self.stage.lock()
    }

    /// Returns the log if it is open.
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

    /// Returns a topic and loads it from the disk if necessary.
    async fn topic(&self, name: &str) -> Result<(Arc<OpenLog>, Arc<Topic>)> {
        let opened = self.opened().await?;
        if let Some(topic) = opened.known(name) {
            return Ok((opened, topic));
        }
        let (shared, name) = (Arc::clone(&opened), name.to_owned());
        let topic = blocking(move || shared.load(&name)).await?;
        Ok((opened, topic))
    }

    /// Sends a job to the writing thread and waits for the reply.
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

/// Runs blocking file operations on a thread that may block.
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
