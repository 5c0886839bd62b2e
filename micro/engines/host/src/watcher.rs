//! The task that feeds all watches of one directory.
//!
//! It wakes when a record of a watched service changes, when the first ttl ends, and when a process
//! ends that wrote such a record. It wakes periodically only for what the operating system does not
//! report. It keeps no files open except those of the operating system's watch, and one per process
//! that is watched.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep, sleep_until};

use crate::changes::{Changes, Relevant};
use crate::dir;
use crate::exits::Exits;
use crate::file::{self, Record};
use crate::registry::Host;
use micro_message::error::Result;
use micro_registry::Node;

/// Interval between checks for ended processes while the system does not report them. These checks
/// do not read the directory.
const CHECK_INTERVAL: Duration = Duration::from_millis(500);
/// Interval between scans of the directory while its changes are not reported.
const POLL_INTERVAL: Duration = Duration::from_millis(250);
/// Interval between scans even if no change is reported. It finds a directory that was replaced
/// together with the one above it.
const RESCAN_INTERVAL: Duration = Duration::from_secs(30);
/// Minimum time between two scans, so that a burst of changes causes few of them.
const MIN_SCAN_INTERVAL: Duration = Duration::from_millis(5);
/// Pause before the operating system's watch is opened again after a failure. It doubles with each
/// failure.
const REOPEN_BACKOFF: Duration = Duration::from_secs(1);
const MAX_REOPEN_BACKOFF: Duration = Duration::from_secs(60);

/// Opens the operating system's watch: [`Changes::watch`], except in tests.
pub(super) type Open = fn(&Path, Arc<Notify>, Relevant) -> Result<Changes>;

/// Feeds the watches of a host registry until the task is aborted.
pub(super) async fn feed(host: Host, open: Open) {
    let mut watcher = DirWatcher::new(open, &host);
    watcher.open();
    let mut exits = Exits::default();
    let mut records: Vec<Record> = Vec::new();
    // Whether the last scan failed. Only the first failure is logged.
    let mut fails = false;
    loop {
        let scanned = Instant::now();
        match look(&host).await {
            Ok(now) => {
                records = publish(&host, now);
                exits.watch(records.iter().map(|record| &record.owner), &host.0.me);
                fails = false;
            }
            Err(error) if !fails => {
                tracing::warn!(error = %error.chain(), "host registry cannot be read");
                fails = true;
            }
            Err(_) => {}
        }
        wait(&host, &watcher, &mut exits, &records).await;
        sleep_until(scanned + MIN_SCAN_INTERVAL).await;
        watcher.reopen();
    }
}

/// Waits until the directory may have changed or a known record is no longer live.
async fn wait(host: &Host, watcher: &DirWatcher, exits: &mut Exits, records: &[Record]) {
    let start = Instant::now();
    let blind = watcher.is_blind();
    loop {
        let now = host.0.clock.now();
        let expiries = records.iter().map(|record| record.expires.left(&now));
        let mut pause = RESCAN_INTERVAL.saturating_sub(start.elapsed());
        if let Some(first) = expiries.min() {
            // A record's expiry is rounded down to milliseconds.
            pause = pause.min(first + Duration::from_millis(1));
        }
        if blind {
            pause = POLL_INTERVAL;
        } else if exits.needs_polling() {
            pause = pause.min(CHECK_INTERVAL);
        }
        tokio::select! {
            () = watcher.changed.notified() => return,
            () = host.0.begun.notified() => return,
            () = exits.next() => return,
            () = sleep(pause) => {}
        }
        let now = host.0.clock.now();
        let over = |record: &Record| !record.is_live(&host.0.me, &now);
        if blind || start.elapsed() >= RESCAN_INTERVAL || records.iter().any(over) {
            return;
        }
    }
}

async fn look(host: &Host) -> Result<Vec<Record>> {
    host.blocking(|shared| shared.scan(None)).await
}

/// Passes the records to the watches. Returns those of watched services.
fn publish(host: &Host, mut records: Vec<Record>) -> Vec<Record> {
    let mut services: HashMap<&str, Vec<Node>> = HashMap::new();
    for Record { node, .. } in &records {
        services
            .entry(&node.service)
            .or_default()
            .push(node.clone());
    }
    let mut watches = host.0.watches.lock();
    watches.senders.retain(|_, sender| !sender.is_closed());
    for (service, sender) in &watches.senders {
        sender.send(services.remove(service.as_str()).unwrap_or_default());
    }
    records.retain(|record| watches.senders.contains_key(&record.node.service));
    records
}

/// Returns a function for whether a file's name is that of a watched service's node.
fn relevant(host: &Host) -> Relevant {
    let shared = Arc::downgrade(&host.0);
    Box::new(move |name| {
        let Some(shared) = shared.upgrade() else {
            return false;
        };
        let service = name.to_str().and_then(file::service_of);
        service.is_some_and(|service| {
            let watches = shared.watches.lock();
            watches.senders.contains_key(service)
        })
    })
}

/// The operating system's watch on the directory, if there is one.
struct DirWatcher {
    host: Host,
    open: Open,
    changed: Arc<Notify>,
    changes: Option<Changes>,
    /// Identity of the watched directory, because another one may replace it.
    dir: Option<dir::Identity>,
    /// Number of failures since changes were reported last.
    failures: u32,
    /// When the watch may be opened again after a failure.
    retry: Instant,
}

impl DirWatcher {
    fn new(open: Open, host: &Host) -> Self {
        Self {
            host: host.clone(),
            open,
            changed: Arc::new(Notify::new()),
            changes: None,
            dir: None,
            failures: 0,
            retry: Instant::now(),
        }
    }

    fn open(&mut self) {
        self.changes = None;
        let dir = self.host.dir();
        match (self.open)(dir, Arc::clone(&self.changed), relevant(&self.host)) {
            Ok(changes) => {
                if self.failures > 0 {
                    tracing::info!(dir = %dir.display(), "changes of the host registry are reported again");
                }
                self.changes = Some(changes);
                self.dir = dir::identity(dir);
            }
            Err(error) => {
                if self.failures == 0 {
                    tracing::warn!(
                        dir = %dir.display(),
                        error = %error.chain(),
                        "changes of the host registry are not reported, reading it 4 times a second"
                    );
                }
                self.fail();
            }
        }
        // Changes before the start of the watch are not reported, so scan once.
        self.changed.notify_one();
    }

    /// Sets the time of the next attempt.
    fn fail(&mut self) {
        let doubled = REOPEN_BACKOFF.saturating_mul(1 << self.failures.min(10));
        self.failures = self.failures.saturating_add(1);
        self.retry = Instant::now() + doubled.min(MAX_REOPEN_BACKOFF);
    }

    fn is_blind(&self) -> bool {
        self.changes.is_none()
    }

    /// Opens the watch again if it is broken, or if another directory is at its path now.
    fn reopen(&mut self) {
        match &self.changes {
            Some(changes) if changes.is_broken() => {
                self.changes = None;
                self.fail();
            }
            Some(_) if self.dir != dir::identity(self.host.dir()) => self.open(),
            Some(_) => self.failures = 0,
            None if Instant::now() >= self.retry => self.open(),
            None => {}
        }
    }
}
