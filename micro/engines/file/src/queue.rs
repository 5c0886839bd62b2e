//! An open directory: its topics, and the queue of the writing thread.
//!
//! When the queue is dropped, the thread finishes the queued jobs and ends.

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{Builder, JoinHandle};

use micro_wake::sync::{Mutex, MutexGuard};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::disk::{failed, make_dir};
use crate::events::Config;
use crate::events::blocking;
use crate::lock::Lock;
use crate::names::{escape, unescape};
use crate::topic::{self, Topic};
use crate::worker::Worker;
use micro_events::log::{GroupId, Ids, Step, closed};
use micro_events::{Event, Trim};
use micro_message::error::{Error, OrError, Result};

/// Capacity of the queue in KiB. Each job counts for at least [`MIN_JOB_KIB`].
const QUEUE_CAPACITY_KIB: u32 = 32 << 10;
/// Minimum size for which a job counts, in KiB. It limits the queue to 8,192 jobs.
const MIN_JOB_KIB: u32 = 4;

/// A job for the writing thread.
pub(super) enum Job {
    Append {
        topic: Arc<Topic>,
        events: Vec<Event>,
        ids: Ids,
        reply: oneshot::Sender<Result<u64>>,
    },
    Save {
        topic: Arc<Topic>,
        group: GroupId,
        step: Step,
        reply: oneshot::Sender<Result<()>>,
    },
    Trim {
        topic: Arc<Topic>,
        trim: Trim,
        reply: oneshot::Sender<Result<()>>,
    },
    Delete {
        topic: Arc<Topic>,
        reply: oneshot::Sender<Result<()>>,
    },
    Close {
        reply: oneshot::Sender<Result<()>>,
    },
}

/// A job and the permit for its size, which is released when the job is done.
pub(super) type Queued = (Job, Option<OwnedSemaphorePermit>);
pub(super) type Queue = Receiver<Queued>;

/// An open directory.
pub(super) struct OpenLog {
    /// The directory of the topics.
    dir: PathBuf,
    /// Loaded topics, by name.
    topics: Mutex<HashMap<String, Arc<Topic>>>,
    /// Held while a topic is loaded from the disk, so that it is loaded once.
    loading: Mutex<()>,
    jobs: Sender<Queued>,
    room: Arc<Semaphore>,
    /// The writing thread; `None` after `close`.
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl OpenLog {
    /// Locks the directory, removes the remains of deleted topics, and starts the thread. Blocks.
    pub(super) fn open(mut config: Config) -> Result<Self> {
        config.room = config.room.anew();
        let root = config.dir.clone();
        if root.as_os_str().is_empty() {
            return Err(Error::failed_precondition(
                "no directory is known for events, say `MICRO_EVENTS=file:///path`, or \
                 `memory://` where they need not last",
            ));
        }
        let dir = root.join("topics");
        make_dir(&dir).map_err(|error| failed(error, "make", &dir))?;
        let lock = Lock::take(&root)?;
        for name in topic::names(&root)? {
            if name.starts_with("trash-") {
                let trash = root.join(name);
                fs::remove_dir_all(&trash).map_err(|error| failed(error, "remove", &trash))?;
            }
        }
        let (jobs, queue) = channel();
        let worker = Worker::new(config, lock);
        let thread = Builder::new()
            .name("micro-events".to_owned())
            .spawn(move || worker.run(&queue))
            .or_internal("cannot start the thread that writes events")?;
        tracing::debug!(dir = %root.display(), "opened events");
        Ok(Self {
            dir,
            topics: Mutex::default(),
            loading: Mutex::default(),
            jobs,
            room: Arc::new(Semaphore::new(QUEUE_CAPACITY_KIB as usize)),
            thread: Mutex::new(Some(thread)),
        })
    }

    fn map(&self) -> MutexGuard<'_, HashMap<String, Arc<Topic>>> {
        self.topics.lock()
    }

    /// Returns a topic that has been loaded.
    pub(super) fn known(&self, name: &str) -> Option<Arc<Topic>> {
        self.map().get(name).cloned()
    }

    /// Loads a topic from the disk. Blocks.
    pub(super) fn load(&self, name: &str) -> Result<Arc<Topic>> {
        let _one = self.loading.lock();
        if let Some(topic) = self.known(name) {
            return Ok(topic);
        }
        let topic = Arc::new(Topic::load(name, self.dir.join(escape(name)))?);
        let mut topics = self.map();
        // Remove entries of topics that do not exist and no longer have a waiting reader.
        topics.retain(|_, topic| {
            Arc::strong_count(topic) > 1 || topic.tail.receiver_count() > 0 || topic.is_real()
        });
        topics.insert(name.to_owned(), Arc::clone(&topic));
        Ok(topic)
    }

    /// Names of all topics. Blocks.
    pub(super) fn topics(&self) -> Result<Vec<String>> {
        let names = topic::names(&self.dir)?;
        Ok(names.iter().filter_map(|name| unescape(name)).collect())
    }

    /// Sends a job to the writing thread. Waits while the queue is full.
    pub(super) async fn send(&self, job: Job, bytes: usize) -> Result<()> {
        let weight = u32::try_from(bytes >> 10).unwrap_or(QUEUE_CAPACITY_KIB);
        let weight = weight.clamp(MIN_JOB_KIB, QUEUE_CAPACITY_KIB);
        let room = Arc::clone(&self.room).acquire_many_owned(weight).await;
        let room = room.map_err(|_| closed())?;
        self.jobs.send((job, Some(room))).map_err(|_| closed())
    }

    /// Stops the writing thread and waits until it has finished.
    pub(super) async fn close(&self) -> Result<()> {
        let (reply, answer) = oneshot::channel();
        self.jobs
            .send((Job::Close { reply }, None))
            .map_err(|_| closed())?;
        let done = answer.await.unwrap_or_else(|_| Err(closed()));
        self.room.close();
        let thread = self.thread.lock().take();
        if let Some(thread) = thread {
            blocking(move || {
                let ended = thread.join();
                ended.map_err(|_| Error::internal("the writing thread panicked"))
            })
            .await?;
        }
        done
    }
}
