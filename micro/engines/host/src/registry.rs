//! A registry of the nodes on this machine: a directory of the user with one small file per node,
//! which is watched for changes.
//!
//! A new node is seen within milliseconds. No data leaves the machine, so VPNs and firewalls do not
//! matter. Nodes of other users, other machines and other network namespaces are not found.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::Duration;

use micro_core::internal::run_blocking;
use micro_wake::sync::Mutex;
use tokio::sync::Notify;

use crate::changes::Changes;
use crate::clock::Clock;
use crate::file::Record;
use crate::process::Process;
use crate::watcher;
use crate::{dir, file};
use micro_message::error::{Error, OrError, Result};
use micro_registry::Node;
use micro_registry::internal::AbortOnDrop;
use micro_registry::{Backend, Capabilities};
use micro_registry::{Watch, WatchSender};

/// A registry in a directory on this machine.
///
/// Clones share one watcher task. A node disappears when it is deregistered, when its ttl ends, and
/// (on Linux) as soon as its process ends. On Linux the ttl is measured by the machine's uptime, so
/// setting the wall clock has no effect. On other systems it is measured by the wall clock.
#[derive(Clone)]
pub struct Host(pub(crate) Arc<Shared>);

pub(crate) struct Shared {
    pub(crate) dir: PathBuf,
    /// This process, as stored in the files that it writes.
    pub(crate) me: Process,
    pub(crate) clock: Clock,
    /// Identity of the directory that was checked last. Another directory in its place is checked
    /// again.
    checked: Mutex<Option<dir::Identity>>,
    /// Senders of the watched services. An entry is removed after its last watch.
    pub(crate) watches: Mutex<Watches>,
    /// Notified when a watch begins, so that it gets its first list at once.
    pub(crate) begun: Notify,
}

#[derive(Default)]
pub(crate) struct Watches {
    pub(crate) senders: HashMap<String, WatchSender>,
    /// Task that feeds the watches. Each watch holds a reference, and the task is aborted with the
    /// last one.
    task: Weak<AbortOnDrop<()>>,
}

impl Host {
    /// Creates a registry in `dir`, which must be an absolute path. The directory is created on
    /// first use, accessible to this user only.
    ///
    /// The directory is refused if another user owns it, can write to it, or could replace it. The
    /// check is repeated whenever the directory, its owner or its mode changes. Files in it that
    /// belong to other users are skipped.
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

    /// Returns the default directory: `micro/registry` in the user's runtime directory, or else
    /// `micro-registry-<user id>` in the temporary directory.
    ///
    /// Without `runtime_dir`, `/run/user/<user id>` is used if it exists, so that programs with and
    /// without a login session find each other.
    ///
    /// # Errors
    ///
    /// Fails if no file can be created in the temporary directory. The user's id is taken from such
    /// a file.
    pub fn default_dir(runtime_dir: Option<&Path>, temp_dir: &Path) -> Result<PathBuf> {
        dir::default(runtime_dir, temp_dir)
    }

    /// Opens a `host://` URL. `rest` is the directory, or empty for the default one.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` if `rest` is not an absolute path.
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

    /// The directory of the registry.
    pub fn dir(&self) -> &Path {
        &self.0.dir
    }

    /// Runs file operations on a thread where they may block.
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
    /// Creates the directory, or checks that only this user can write to it.
    ///
    /// The check is skipped while the directory's identity is unchanged. It is repeated because a
    /// cleaner of temporary directories may have removed the directory.
    fn make_sure(&self) -> Result<()> {
        let mut checked = self.checked.lock();
        if checked.is_none() || *checked != dir::identity(&self.dir) {
            *checked = None;
            dir::prepare(&self.dir)?;
            *checked = dir::identity(&self.dir);
        }
        Ok(())
    }

    /// Reads the live records of one service, or of all services.
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
            let feed = watcher::feed(self.clone(), Changes::watch);
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
