//! The task that feeds all watches of one directory.
//!
//! Wakes when the directory changes, and now and then for what does not change it: ends of ttls and
//! of processes. Keeps no file open but what the operating system's watching needs.

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

/// How often ttls and processes are looked at; nothing is read from the directory for it.
const CHECK_INTERVAL: Duration = Duration::from_millis(500);
/// How often the directory is read when its changes are not told.
const POLL_INTERVAL: Duration = Duration::from_millis(250);
/// How often it is read even if nothing seems to change.
const RESCAN_INTERVAL: Duration = Duration::from_secs(5);
/// Least time between two readings, so that a burst of changes costs few.
const MIN_SCAN_INTERVAL: Duration = Duration::from_millis(5);

/// Feeds the watches of a host registry until it is dropped; `open` is [`DirWatcher::open`].
pub(super) async fn feed(host: Host, open: fn(&Path, &Arc<Notify>) -> DirWatcher) {
    let changed = Arc::new(Notify::new());
    let mut eyes = open(host.dir(), &changed);
    let mut records: Vec<Record> = Vec::new();
    // Whether the last reading failed; so that only the first failure is logged.
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

/// Returns when there may be something new.
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

/// The operating system's watch on the directory, while it works.
pub(super) struct DirWatcher {
    changes: Option<Changes>,
    /// Which directory is watched: another may come in its place.
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
        // What happened before the watch began would not be told.
        changed.notify_one();
        Self {
            changes: changes.ok(),
            dir: dir::identity(dir),
        }
    }

    /// Without the operating system's help.
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

    /// Whether the directory that is watched is still the one of that name. A blind one stays
    /// blind: trying again and again would only fill the log.
    fn sees(&self, dir: &Path) -> bool {
        self.is_blind() || self.dir == dir::identity(dir)
    }
}
