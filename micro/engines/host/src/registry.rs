//! The nodes of this machine: a directory of the user's with one small file a node, watched.
//!
//! A new node is seen within milliseconds and nothing leaves the machine, so VPNs and firewalls do
//! not matter. Does not see other users' nodes, other machines, or other network namespaces.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::Duration;

use micro_core::internal::run_blocking;
use micro_wake::sync::Mutex;
use tokio::sync::Notify;

use crate::clock::Clock;
use crate::file::Record;
use crate::process::Process;
use crate::watcher::{self, DirWatcher};
use crate::{dir, file};
use micro_message::error::{Error, OrError, Result};
use micro_registry::Node;
use micro_registry::internal::AbortOnDrop;
use micro_registry::{Backend, Capabilities};
use micro_registry::{Watch, WatchSender};

/// A registry in a directory of this machine.
///
/// Clones share the watching. A node is gone when it is deregistered, when its ttl is over, and
/// (on Linux) as soon as its process is gone. On Linux the ttl is measured by the machine's uptime:
/// setting the wall clock changes nothing. Elsewhere it is measured by the wall clock.
#[derive(Clone)]
pub struct Host(pub(crate) Arc<Shared>);

pub(crate) struct Shared {
    pub(crate) dir: PathBuf,
    /// This process, as it stands in the files it writes.
    pub(crate) me: Process,
    pub(crate) clock: Clock,
    /// Which directory was made sure of; another in its place is looked at anew.
    checked: Mutex<Option<dir::Identity>>,
    /// Feeds of the services that are watched; entries go when their last watch does.
    pub(crate) watches: Mutex<Watches>,
    /// Told when a watch begins, so that it gets its first list at once.
    pub(crate) begun: Notify,
}

#[derive(Default)]
pub(crate) struct Watches {
    pub(crate) senders: HashMap<String, WatchSender>,
    /// The task that feeds them; each watch holds it, and it stops with the last.
    task: Weak<AbortOnDrop<()>>,
}

impl Host {
    /// A registry in `dir`, which must be absolute; it is made (for this user alone) when first
    /// used.
    ///
    /// The directory is refused when somebody else owns it or may write to it, or could put another
    /// in its place. That is looked at again whenever it, its owner or its mode has changed. Files
    /// in it that belong to others are passed over.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self(Arc::new(Shared {
            dir: dir.into(),
            me: Process::this(),
            clock: Clock::new(),
            checked: Mutex::default(),
            watches: Mutex::default(),
            begun: Notify::new(),
        }))
    }

    /// Where the directory belongs: `micro/registry` under the user's runtime directory, or else
    /// `micro-registry-<user id>` under the temporary one.
    ///
    /// Without `runtime_dir` the usual `/run/user/<user id>` is taken where it exists, so that
    /// programs with and without a login session meet.
    ///
    /// # Errors
    ///
    /// When nothing can be written to the temporary directory, by which the user's id is found.
    pub fn default_dir(runtime_dir: Option<&Path>, temp_dir: &Path) -> Result<PathBuf> {
        dir::default(runtime_dir, temp_dir)
    }

    /// Opens what follows `host://`: a directory, or nothing for the usual one.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` when it is anything else.
    pub fn open(rest: &str) -> Result<Self> {
        if rest.is_empty() {
            return Ok(Self::new(Self::default_dir(
                None,
                dir::DEFAULT_TEMP.as_ref(),
            )?));
        }
        if Path::new(rest).is_absolute() {
            return Ok(Self::new(rest));
        }
        Err(Error::invalid_argument(format!(
            "`host://{rest}` does not name a directory by its whole path, write \
             `host:///run/micro` or `host://`"
        )))
    }

    /// The directory.
    pub fn dir(&self) -> &Path {
        &self.0.dir
    }

    /// Runs a piece of file work where it may block.
    pub(crate) async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Shared) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let shared = Arc::clone(&self.0);
        let done = run_blocking(move || {
            shared.make_sure()?;
            work(&shared)
        })
        .await;
        done.or_internal("the file work did not end")?
    }
}

impl Shared {
    /// Makes the directory, or makes sure that it is ours alone.
    ///
    /// Once a directory: whoever cleans temporary directories may take it away.
    fn make_sure(&self) -> Result<()> {
        let mut checked = self.checked.lock();
        if checked.is_none() || *checked != dir::identity(&self.dir) {
            *checked = None;
            dir::prepare(&self.dir)?;
            *checked = dir::identity(&self.dir);
        }
        Ok(())
    }

    /// The live records of one service, or of all.
    pub(crate) fn scan(&self, service: Option<&str>) -> Result<Vec<Record>> {
        let now = self.clock.now();
        let mut records = file::scan(&self.dir, service, (&self.me, &now))?;
        records.retain(|record| record.is_live(&self.me, &now));
        Ok(records)
    }
}

fn nodes(records: Vec<Record>) -> Vec<Node> {
    records.into_iter().map(|record| record.node).collect()
}

impl Backend for Host {
    fn scheme(&self) -> &'static str {
        "host"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::ALL
    }

    async fn register(&self, node: Node, ttl: Duration) -> Result<()> {
        self.blocking(move |shared| {
            let now = shared.clock.now();
            let record = Record::new(node, ttl, shared.me.clone(), &now);
            file::write(&shared.dir, &record)
        })
        .await
    }

    async fn deregister(&self, node: &Node) -> Result<()> {
        let node = node.clone();
        self.blocking(move |shared| file::remove(&shared.dir, &node))
            .await
    }

    async fn lookup(&self, service: &str) -> Result<Vec<Node>> {
        let service = service.to_owned();
        self.blocking(move |shared| shared.scan(Some(&service)).map(nodes))
            .await
    }

    async fn list(&self) -> Result<Vec<Node>> {
        self.blocking(|shared| shared.scan(None).map(nodes)).await
    }

    async fn watch(&self, service: &str) -> Result<Watch> {
        self.blocking(|_| Ok(())).await?;
        let mut watches = self.0.watches.lock();
        watches.senders.retain(|_, sender| !sender.is_closed());
        let sender = watches.senders.entry(service.to_owned()).or_default();
        let watch = sender.watch();
        let task = watches.task.upgrade().filter(|task| !task.0.is_finished());
        let task = task.unwrap_or_else(|| {
            let feed = watcher::feed(self.clone(), DirWatcher::open);
            Arc::new(AbortOnDrop::spawn(feed))
        });
        watches.task = Arc::downgrade(&task);
        drop(watches);
        self.0.begun.notify_one();
        Ok(watch.with_guard(task))
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host")
            .field("dir", &self.0.dir)
            .finish_non_exhaustive()
    }
}
