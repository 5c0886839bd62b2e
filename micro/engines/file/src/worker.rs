//! The writing thread: takes the queued jobs, writes and syncs them together, and replies.
//!
//! Jobs that are queued at the same time share one write and one sync. This makes many concurrent
//! appends cheap.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::sync::Arc;
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::disk::{failed, sync_dir};
use crate::events::{Config, Fsync};
use crate::lock::Lock;
use crate::queue::{Job, Queue, Queued};
use crate::topic::Topic;
use crate::writer::{Writer, again};
use micro_events::log::{AgeClock, Tail};
use micro_message::error::{Error, Result};
use micro_message::internal::sort_by;

/// Maximum number of further jobs that are processed together with the first one.
const MAX_BATCH_JOBS: usize = 1024;
/// Interval between syncs of writes that no caller waits for.
const SYNC_INTERVAL: Duration = Duration::from_millis(100);
/// Interval between retention runs. Retention also runs whenever a segment is started.
const RETENTION_INTERVAL: Duration = Duration::from_secs(30);

pub(super) struct Worker {
    config: Config,
    /// Writers of the topics that have been written to.
    writers: HashMap<Arc<str>, Writer>,
    /// Topics with buffered writes.
    waiting: HashSet<Arc<str>>,
    /// Counts flushes, to determine which files were used least recently.
    count: u64,
    /// Time of the next sync of writes that no caller waits for; `None` if there are none.
    sync_at: Option<Instant>,
    /// Time of the next retention run; `None` without retention limits.
    retention_at: Option<Instant>,
    /// Declared after `writers`, so that the writers are dropped first.
    lock: Arc<Lock>,
    ages: Arc<AgeClock>,
}

impl Worker {
    pub(super) fn new(config: Config, lock: Lock) -> Self {
        let kept = config.age.is_none() && config.bytes.is_none();
        Self {
            writers: HashMap::new(),
            waiting: HashSet::new(),
            count: 0,
            sync_at: None,
            retention_at: (!kept).then(Instant::now),
            config,
            lock: Arc::new(lock),
            ages: Arc::default(),
        }
    }

    /// Runs until the log is closed or all senders of the queue are dropped.
    pub(super) fn run(mut self, queue: &Queue) {
        loop {
            let due = self.sync_at.into_iter().chain(self.retention_at).min();
            let next = match due {
                None => queue.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(due) => queue.recv_timeout(due.saturating_duration_since(Instant::now())),
            };
            match next {
                Ok(first) => {
                    if let Some(reply) = self.round(first, queue) {
                        answer(reply, self.finish());
                        return;
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    if let Err(error) = self.finish() {
                        tracing::error!(%error, "events may be lost with the power");
                    }
                    return;
                }
            }
            self.duties();
        }
    }

    /// Processes the first job and the jobs queued after it. Returns the reply channel of a `Close`
    /// job, if there is one.
    fn round(&mut self, first: Queued, queue: &Queue) -> Option<oneshot::Sender<Result<()>>> {
        let mut rooms = Vec::new();
        let mut closing = None;
        let rest = std::iter::from_fn(|| queue.try_recv().ok());
        for (job, room) in std::iter::once(first).chain(rest.take(MAX_BATCH_JOBS)) {
            // The permits are released after the jobs have been written.
            rooms.push(room);
            closing = self.take(job);
            if closing.is_some() {
                break;
            }
        }
        self.flush();
        closing
    }

    fn take(&mut self, job: Job) -> Option<oneshot::Sender<Result<()>>> {
        match job {
            Job::Append {
                topic,
                events,
                ids,
                reply,
            } => {
                self.waiting.insert(Arc::clone(&topic.name));
                self.writer(topic).append(&events, ids, reply);
            }
            Job::Save {
                topic,
                group,
                step,
                reply,
            } => {
                self.waiting.insert(Arc::clone(&topic.name));
                self.writer(topic).save(&group, step, reply);
                // The job may have opened a group file.
                self.bound();
            }
            Job::Trim { topic, trim, reply } => {
                self.flush();
                answer(reply, self.writer(topic).trim(trim));
            }
            Job::Delete { topic, reply } => {
                self.flush();
                answer(reply, self.delete(&topic));
            }
            Job::Close { reply } => return Some(reply),
        }
        None
    }

    fn writer(&mut self, topic: Arc<Topic>) -> &mut Writer {
        let name = Arc::clone(&topic.name);
        let (config, lock, ages) = (&self.config, &self.lock, &self.ages);
        self.writers.entry(name).or_insert_with(|| {
            Writer::new(topic, config.clone(), (Arc::clone(lock), Arc::clone(ages)))
        })
    }

    fn flush(&mut self) {
        let mut dirty = false;
        for name in std::mem::take(&mut self.waiting) {
            self.count += 1;
            if let Some(writer) = self.writers.get_mut(&name) {
                writer.flush(self.count);
                dirty |= writer.is_dirty();
            }
            self.bound();
        }
        if dirty && self.config.sync != Fsync::Never && self.sync_at.is_none() {
            self.sync_at = Some(Instant::now() + SYNC_INTERVAL);
        }
    }

    /// Closes the least recently used files if too many are open. Closes down to three quarters of
    /// the limit, because each search visits all topics.
    fn bound(&mut self) {
        let most = self.config.open_files.max(1);
        let open = self.config.room.open();
        if open <= most {
            return;
        }
        let handles = self.writers.iter().flat_map(|(topic, writer)| {
            let topic = |(used, group)| (used, Arc::clone(topic), group);
            writer.handles().map(topic)
        });
        let mut handles: Vec<_> = handles.collect();
        sort_by(&mut handles, Ord::cmp);
        for (_, topic, group) in handles.into_iter().take(open - most * 3 / 4) {
            if let Some(writer) = self.writers.get_mut(&topic) {
                writer.close(group.as_deref());
            }
        }
    }

    /// Runs the sync and the retention if they are due.
    fn duties(&mut self) {
        let now = Instant::now();
        if self.sync_at.is_some_and(|at| at <= now) {
            self.sync_at = None;
            for writer in self.writers.values_mut() {
                if let Err(error) = writer.sync() {
                    tracing::error!(%error, "events may be lost with the power");
                }
            }
        }
        if self.retention_at.is_some_and(|at| at <= now) {
            self.retention_at = Some(now + RETENTION_INTERVAL);
            let topics: Vec<_> = self.writers.keys().cloned().collect();
            for topic in topics {
                if let Some(writer) = self.writers.get_mut(&topic) {
                    writer.retain();
                }
                self.bound();
            }
        }
    }

    fn delete(&mut self, topic: &Topic) -> Result<()> {
        self.writers.remove(&topic.name);
        let trash = format!("trash-{:016x}", fastrand::u64(..));
        let trash = self.config.dir.join(trash);
        let above = topic.dir.parent().unwrap_or(&topic.dir);
        let mut is_there = true;
        let moved = match fs::rename(&topic.dir, &trash) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                if !topic.is_real() {
                    return Ok(());
                }
                // The directory was removed by another program. Remove the topic from memory as
                // well.
                is_there = false;
                Ok(())
            }
            moved => moved.and_then(|()| sync_dir(above)),
        };
        moved.map_err(|error| failed(error, "remove", &topic.dir))?;
        *topic.view() = crate::topic::View::default();
        topic.tail.send_modify(|tail| {
            *tail = Tail {
                next: 0,
                life: tail.life + 1,
            };
        });
        if !is_there {
            return Ok(());
        }
        fs::remove_dir_all(&trash).map_err(|error| failed(error, "remove", &trash))
    }

    /// Writes and syncs everything. Returns the first error.
    fn finish(&mut self) -> Result<()> {
        self.flush();
        let mut outcome = Ok(());
        for writer in self.writers.values_mut() {
            let synced = writer.sync();
            if outcome.is_ok() {
                outcome = synced.map_err(|error| again(&error));
            }
        }
        outcome
    }
}

/// Sends a reply. The receiver may have been dropped.
pub(super) fn answer<T>(reply: oneshot::Sender<Result<T>>, result: Result<T>) {
    if let Err(Err(error)) = reply.send(result) {
        let error: Error = error;
        tracing::debug!(%error, "nobody waited for this");
    }
}
