//! The task that feeds all watches of one directory.
//!
//! It wakes when the directory changes, and periodically for expired ttls and ended processes,
//! which do not change the directory. It keeps no files open except those of the operating system's
//! watch.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

use crate::changes::Changes;
use crate::dir;
use crate::file::Record;
use crate::registry::Host;
use micro_message::error::Result;
use micro_registry::Node;

/// Interval between checks of ttls and processes. These checks do not read the directory.
const CHECK_INTERVAL: Duration = Duration::from_millis(500);
/// Interval between scans of the directory while its changes are not reported.
const POLL_INTERVAL: Duration = Duration::from_millis(250);
/// Interval between scans even if no change is reported.
const RESCAN_INTERVAL: Duration = Duration::from_secs(5);
/// Minimum time between two scans, so that a burst of changes causes few of them.
const MIN_SCAN_INTERVAL: Duration = Duration::from_millis(5);

/// Feeds the watches of a host registry until the task is aborted. `open` is [`DirWatcher::open`],
/// except in tests.
pub(super) async fn feed(host: Host, open: fn(&Path, &Arc<Notify>) -> DirWatcher) {
    let changed = Arc::new(Notify::new());
    let mut eyes = open(host.dir(), &changed);
    let mut records: Vec<Record> = Vec::new();
    // Whether the last scan failed. Only the first failure is logged.
    let mut fails = false;
    loop {
        match look(&host).await {
            Ok(now) => {
                publish(&host, &now);
                records = now;
                fails = false;
            }
            Err(error) if !fails => {
                tracing::warn!(error = %error.chain(), "host registry cannot be read");
                fails = true;
            }
            Err(_) => {}
        }
        sleep(MIN_SCAN_INTERVAL).await;
        wait(&host, &changed, &records, eyes.is_blind()).await;
        if !eyes.sees(host.dir()) {
            eyes = open(host.dir(), &changed);
        }
    }
}

/// Waits until the directory may have changed or a known record is no longer live.
async fn wait(host: &Host, changed: &Notify, records: &[Record], blind: bool) {
    let pause = if blind { POLL_INTERVAL } else { CHECK_INTERVAL };
    let start = Instant::now();
    loop {
        tokio::select! {
            () = changed.notified() => return,
            () = host.0.begun.notified() => return,
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

fn publish(host: &Host, records: &[Record]) {
    let mut services: HashMap<&str, Vec<Node>> = HashMap::new();
    for Record { node, .. } in records {
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
}

/// The operating system's watch on the directory, if there is one.
pub(super) struct DirWatcher {
    changes: Option<Changes>,
    /// Identity of the watched directory, because another one may replace it.
    dir: Option<dir::Identity>,
}

impl DirWatcher {
    pub(super) fn open(dir: &Path, changed: &Arc<Notify>) -> Self {
        let changes = Changes::watch(dir, Arc::clone(changed));
        if let Err(error) = &changes {
            tracing::warn!(
                dir = %dir.display(),
                error = %error.chain(),
                "changes of the host registry are not told, reading it 4 times a second"
            );
        }
        // Changes before the start of the watch are not reported, so scan once.
        changed.notify_one();
        Self {
            changes: changes.ok(),
            dir: dir::identity(dir),
        }
    }

    /// Creates a watcher without the operating system's support.
    #[cfg(test)]
    pub(super) fn blind(_dir: &Path, _changed: &Arc<Notify>) -> Self {
        Self {
            changes: None,
            dir: None,
        }
    }

    fn is_blind(&self) -> bool {
        self.changes.is_none()
    }

    /// Whether the watched directory is still the one at this path. A watcher without the operating
    /// system's support stays so, because repeated attempts would only fill the log.
    fn sees(&self, dir: &Path) -> bool {
        self.is_blind() || self.dir == dir::identity(dir)
    }
}
