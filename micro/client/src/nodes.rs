//! `ServiceNodes`: the nodes of one service, looked up once and then watched.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep};

use crate::backoff::pause;
use crate::config::Config;
use crate::node_connection::NodeConnection;
use crate::selector::{Choice, Flight, Table};
use crate::tasks::Tasks;
use micro_registry::internal::to_call;
use micro_registry::{Node, Registry, Watch};

/// The nodes of one service, shared by all its callers.
#[derive(Debug)]
pub(super) struct ServiceNodes {
    pub(super) name: String,
    pub(super) table: Table<Arc<NodeConnection>>,
    /// Notifies the calls that wait for a node of every change.
    feed: watch::Sender<NodeFeed>,
    /// Set by calls, cleared by the task that watches the service.
    used: AtomicBool,
    /// Number of calls that wait for a node.
    waiting: AtomicUsize,
    epoch: Instant,
    config: Arc<Config>,
    tasks: Arc<Tasks>,
}

#[derive(Debug, Default)]
struct NodeFeed {
    /// Error of the registry, if the service cannot be watched.
    trouble: Option<String>,
    /// Whether the service is no longer watched. Calls that still hold this then request a new one.
    forgotten: bool,
}

impl ServiceNodes {
    pub(super) fn new(name: &str, config: Arc<Config>, tasks: Arc<Tasks>) -> Arc<Self> {
        Arc::new(Self {
            name: name.to_owned(),
            table: Table::new(),
            feed: watch::Sender::default(),
            used: AtomicBool::new(true),
            waiting: AtomicUsize::new(0),
            epoch: Instant::now(),
            config,
            tasks,
        })
    }

    /// Returns the table's time.
    pub(super) fn now(&self) -> Duration {
        self.epoch.elapsed()
    }

    /// Picks a node to call, if there is one.
    pub(super) fn pick(
        &self,
        choice: &Choice<'_, Arc<NodeConnection>>,
    ) -> Option<Flight<Arc<NodeConnection>>> {
        if !self.used.load(Ordering::Relaxed) {
            self.used.store(true, Ordering::Relaxed);
        }
        self.table.pick(choice, self.now())
    }

    /// Picks a node to call, as soon as there is one; `None` if the service is no longer watched.
    pub(super) async fn wait(
        &self,
        choice: &Choice<'_, Arc<NodeConnection>>,
    ) -> Option<Flight<Arc<NodeConnection>>> {
        let _waits = WaitGuard::begin(&self.waiting);
        let mut feed = self.feed.subscribe();
        loop {
            if feed.borrow_and_update().forgotten {
                return None;
            }
            if let Some(flight) = self.pick(choice) {
                return Some(flight);
            }
            feed.changed().await.ok()?;
        }
    }

    /// Returns further details for the error that no node was found.
    pub(super) fn why_none(&self) -> String {
        let mut text = String::new();
        let members = self.table.members();
        if !members.is_empty() {
            let mut versions: Vec<_> = members.iter().map(|m| &*m.node().version).collect();
            versions.sort_unstable();
            versions.dedup();
            let (count, versions) = (members.len(), versions.join("`, `"));
            // Writing to a `String` does not fail.
            let _ = write!(text, "; it has {count} other nodes, versions `{versions}`");
        }
        if let Some(trouble) = &self.feed.borrow().trouble {
            let _ = write!(text, "; {trouble}"); // Does not fail either.
        }
        text
    }

    pub(super) fn is_forgotten(&self) -> bool {
        self.feed.borrow().forgotten
    }

    /// Replaces the nodes. Connections to removed nodes are drained.
    pub(super) fn update(&self, nodes: &[Node]) {
        let nodes = to_call(nodes);
        let update = self.table.update(&nodes, |node, health| {
            let (config, tasks) = (Arc::clone(&self.config), Arc::clone(&self.tasks));
            NodeConnection::new(&node.address, config, tasks, Arc::clone(health))
        });
        for link in &update.removed {
            link.retire();
        }
        for link in &update.readmitted {
            link.start();
        }
        self.feed.send_modify(|feed| feed.trouble = None);
    }

    /// Drops all nodes and wakes the waiting calls, which may request a new `ServiceNodes`.
    pub(super) fn forget(&self) {
        self.feed.send_modify(|feed| feed.forgotten = true);
        self.update(&[]);
    }

    /// Updates the table from the registry until the service is no longer used.
    pub(super) async fn watch(self: Arc<Self>, registry: Registry) {
        let unused = self.unused(true);
        tokio::select! {
            () = self.follow(&registry) => {}
            () = unused => {}
            () = self.forgotten() => {}
        }
        tracing::debug!(service = self.name, "no longer watched");
        self.forget();
    }

    /// Keeps a table with one fixed node until it is no longer used.
    pub(super) async fn keep(self: Arc<Self>) {
        tokio::select! {
            () = self.unused(false) => {}
            () = self.forgotten() => {}
        }
        self.forget();
    }

    /// Waits until all nodes have been dropped because the client closes.
    async fn forgotten(&self) {
        let mut feed = self.feed.subscribe();
        let seen = feed.wait_for(|feed| feed.forgotten).await;
        debug_assert!(seen.is_ok(), "the sender is borrowed, so it is there");
    }

    /// Waits until no call has been made for `forget_after`. With `only_without_nodes`, also waits
    /// until the table is empty.
    async fn unused(&self, only_without_nodes: bool) {
        let length = self.config.forget_after.max(Duration::from_millis(1));
        let mut ticks = interval_at(Instant::now() + length, length);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let used = self.used.swap(false, Ordering::Relaxed);
            let busy = self.waiting.load(Ordering::Relaxed) > 0
                || self
                    .table
                    .members()
                    .iter()
                    .any(|m| m.load().in_flight() > 0);
            let kept = only_without_nodes && !self.table.is_empty();
            if !used && !busy && !kept {
                return;
            }
        }
    }

    async fn follow(&self, registry: &Registry) {
        let mut failures = 0;
        loop {
            match registry.watch(&self.name).await {
                Ok(watch) => {
                    if self.feed_from(watch).await {
                        failures = 0;
                    }
                    self.trouble("the registry ended the watch".to_owned());
                }
                Err(error) => self.trouble(error.to_string()),
            }
            failures = (failures + 1).min(30);
            sleep(pause(failures)).await;
        }
    }

    /// Applies the changes of a watch until it ends. Returns whether there were any.
    async fn feed_from(&self, mut watch: Watch) -> bool {
        let mut any = false;
        while let Some(change) = watch.next().await {
            tracing::debug!(
                service = self.name,
                nodes = change.nodes.len(),
                added = change.added.len(),
                removed = change.removed.len(),
                "nodes changed"
            );
            self.update(&change.nodes);
            any = true;
        }
        any
    }

    fn trouble(&self, text: String) {
        tracing::warn!(service = self.name, reason = text, "watching again");
        self.feed.send_modify(|feed| feed.trouble = Some(text));
    }
}

/// Counts a waiting call until dropped.
struct WaitGuard<'a>(&'a AtomicUsize);

impl<'a> WaitGuard<'a> {
    fn begin(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for WaitGuard<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
