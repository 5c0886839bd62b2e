//! `ServiceNodes`: the nodes of one service, looked up once and then watched.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep, sleep_until};

use crate::backoff::pause;
use crate::config::Config;
use crate::node_connection::NodeConnection;
use crate::selector::{Choice, Flight, Member, Table};
use crate::tasks::Tasks;
use micro_message::error::{Error, Result};
use micro_registry::{Node, Registry, Watch};

/// Time after the first nodes of a service are found in which a node that serves the called method
/// may still be found. Registries that are slower than the first one respond within this time.
const UNSERVED_GRACE: Duration = Duration::from_secs(1);
/// Maximum number of nodes that an error message names.
const MAX_NAMED: usize = 8;
/// Minimum interval between two log messages that no node of a service is found.
const WARN_INTERVAL: Duration = Duration::from_secs(10);

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
    /// When the log last said that no node is found, in milliseconds since `epoch`, plus one. 0 if
    /// it never did.
    warned: AtomicU64,
    epoch: Instant,
    config: Arc<Config>,
    tasks: Arc<Tasks>,
}

#[derive(Debug, Default)]
struct NodeFeed {
    /// When the service had nodes first, after it had none.
    found: Option<Instant>,
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
            warned: AtomicU64::new(0),
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
    ///
    /// # Errors
    ///
    /// `Unimplemented` if the service has nodes, but none of them can serve the call.
    pub(super) async fn wait(
        &self,
        choice: &Choice<'_, Arc<NodeConnection>>,
    ) -> Result<Option<Flight<Arc<NodeConnection>>>> {
        let _waits = WaitGuard::begin(&self.waiting);
        let mut feed = self.feed.subscribe();
        loop {
            let found = {
                let now = feed.borrow_and_update();
                if now.forgotten {
                    return Ok(None);
                }
                now.found
            };
            if let Some(flight) = self.pick(choice) {
                return Ok(Some(flight));
            }
            let refusal = found.and_then(|found| Some((found, self.unserved(choice)?)));
            let changed = match refusal {
                None => feed.changed().await,
                Some((found, error)) => tokio::select! {
                    changed = feed.changed() => changed,
                    () = sleep_until(found + UNSERVED_GRACE) => return Err(error),
                },
            };
            if changed.is_err() {
                return Ok(None);
            }
        }
    }

    /// Returns the error of a call that no node can serve although the service has nodes that the
    /// call's filter allows: they lack the method, or speak another protocol than gRPC. `None` if a
    /// node was left out for another reason.
    fn unserved(&self, choice: &Choice<'_, Arc<NodeConnection>>) -> Option<Error> {
        let path = choice.method?;
        let members = self.table.members();
        let (mut lacking, mut foreign) = (Vec::new(), Vec::new());
        for node in members.iter().map(|member| member.node()) {
            // A service of another package may have the same name.
            if !choice.filter.fits(node) || !node.serves_service_of(path) {
                continue;
            }
            if !node.speaks_grpc() {
                foreign.push(node);
            } else if !node.serves(path) {
                lacking.push(node);
            } else {
                return None;
            }
        }
        let (name, filter) = (&self.name, choice.filter);
        let mut text = match (lacking.is_empty(), foreign.is_empty()) {
            (true, true) => return None,
            (false, _) => format!(
                "no node of `{name}`{filter} serves `{path}`; nodes without this method: {}",
                listed(&lacking, |node| match &*node.version {
                    "" => "no version".to_owned(),
                    version => format!("version {version}"),
                })
            ),
            (true, false) => format!("no node of `{name}`{filter} speaks gRPC"),
        };
        if !foreign.is_empty() {
            let protocol = |node: &Node| {
                let protocol = node.metadata.get("protocol");
                format!("`{}`", protocol.map_or("", String::as_str))
            };
            text.push_str("; nodes with another protocol: ");
            text.push_str(&listed(&foreign, protocol));
        }
        Some(Error::unimplemented(text))
    }

    /// Whether to log now that no node is found: once per [`WARN_INTERVAL`], however many calls
    /// wait.
    pub(super) fn may_warn(&self) -> bool {
        let now = u64::try_from(self.now().as_millis()).unwrap_or(u64::MAX);
        let now = now.saturating_add(1);
        let last = self.warned.load(Ordering::Relaxed);
        let interval = u64::try_from(WARN_INTERVAL.as_millis()).unwrap_or(u64::MAX);
        let is_due = last == 0 || now.saturating_sub(last) >= interval;
        is_due
            && self
                .warned
                .compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }

    /// Returns further details for the error that no node was found.
    pub(super) fn why_none(&self, path: &str) -> String {
        let mut text = String::new();
        let members = self.table.members();
        let is_other = |member: &&Arc<Member<_>>| !member.node().serves_service_of(path);
        let others = members.iter().filter(is_other).count();
        if others > 0 {
            // Writing to a `String` does not fail.
            let _ = write!(text, "; {others} nodes of this name serve other packages");
        }
        if members.len() > others {
            let of_this = members.iter().filter(|member| !is_other(member));
            let mut versions: Vec<_> = of_this.map(|m| &*m.node().version).collect();
            versions.sort_unstable();
            versions.dedup();
            let (count, versions) = (members.len() - others, versions.join("`, `"));
            // Writing to a `String` does not fail.
            let _ = write!(text, "; it has {count} other nodes, versions `{versions}`");
        }
        if let Some(trouble) = &self.feed.borrow().trouble {
            let _ = write!(text, "; {trouble}"); // Does not fail either.
        }
        text
    }

    /// Number of calls that wait for a node.
    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    pub(super) fn is_forgotten(&self) -> bool {
        self.feed.borrow().forgotten
    }

    /// Replaces the nodes. Connections to removed nodes are drained.
    pub(super) fn update(&self, nodes: &[Node]) {
        let update = self.table.update(nodes, |node, health| {
            let (config, tasks) = (Arc::clone(&self.config), Arc::clone(&self.tasks));
            NodeConnection::new(node, config, tasks, Arc::clone(health))
        });
        for link in &update.removed {
            link.retire();
        }
        for link in &update.readmitted {
            link.start();
        }
        self.feed.send_modify(|feed| {
            feed.trouble = None;
            feed.found = match feed.found {
                _ if nodes.is_empty() => None,
                None => Some(Instant::now()),
                found => found,
            };
        });
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

/// Returns the ids of nodes, each with a detail.
fn listed(nodes: &[&Node], detail: impl Fn(&Node) -> String) -> String {
    let named = nodes.iter().take(MAX_NAMED);
    let mut all: Vec<_> = named
        .map(|node| format!("`{}` ({})", node.id, detail(node)))
        .collect();
    if nodes.len() > MAX_NAMED {
        all.push(format!("{} more", nodes.len() - MAX_NAMED));
    }
    all.join(", ")
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
