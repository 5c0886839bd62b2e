//! The reference backend: nodes in this process, for tests and for programs of a single process.
//!
//! Clones share their nodes; two calls of [`Memory::new`] create independent registries. The
//! backend uses tokio's clock, so it works with paused time.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use micro_wake::sync::{Mutex, MutexGuard};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use crate::backend::{Backend, Capabilities};
use crate::record::Node;
use crate::watch::{AbortOnDrop, Watch, WatchSender};
use micro_message::error::{Error, Result};

/// Nodes kept in memory. Clones share them.
#[derive(Clone, Default)]
pub struct Memory {
    state: Arc<Mutex<State>>,
    /// Notified by every registration, so that the expiry tasks recompute when the next node
    /// expires.
    registered: Arc<Notify>,
}

#[derive(Default)]
struct State {
    /// Nodes by service and id, each with the instant at which it expires.
    services: HashMap<String, BTreeMap<String, (Node, Instant)>>,
    /// Senders of the watched services. A sender is removed once its last watch is dropped.
    watches: HashMap<String, WatchSender>,
}

impl Memory {
    /// Creates an empty registry that shares nothing with others.
    pub fn new() -> Self {
        Self::default()
    }

    /// Opens a `memory://` URL. `rest` must be empty.
    pub(super) fn open(rest: &str) -> Result<Self> {
        if rest.is_empty() {
            return Ok(Self::new());
        }
        Err(Error::invalid_argument(format!(
            "`memory://{rest}` is invalid: the memory registry takes no parameters; write \
             `memory://`"
        )))
    }

    /// Removes the nodes of one service as they expire. Never returns.
    async fn expire(self, service: String) {
        loop {
            let registered = self.registered.notified();
            tokio::pin!(registered);
            // Enable the notification before reading the next expiry, so that a registration in
            // between is not missed.
            registered.as_mut().enable();
            let end = self.state().next_end(&service);
            match end {
                None => registered.await,
                Some(end) => tokio::select! {
                    () = registered => {}
                    () = sleep_until(end) => self.state().notify(&service),
                },
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No code can panic while it holds the lock with a half-finished change.
        self.state.lock()
    }
}

impl State {
    fn live(&mut self, service: &str) -> Vec<Node> {
        let Some(nodes) = self.services.get_mut(service) else {
            return Vec::new();
        };
        let now = Instant::now();
        nodes.retain(|_, (_, until)| *until > now);
        let live = nodes.values().map(|(node, _)| node.clone()).collect();
        if nodes.is_empty() {
            self.services.remove(service);
        }
        live
    }

    fn notify(&mut self, service: &str) {
        let nodes = self.live(service);
        if let Some(sender) = self.watches.get(service) {
            sender.send(nodes);
        }
    }

    fn next_end(&self, service: &str) -> Option<Instant> {
        self.services
            .get(service)?
            .values()
            .map(|(_, until)| *until)
            .min()
    }
}

impl Backend for Memory {
    fn scheme(&self) -> &'static str {
        "memory"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::ALL
    }

    async fn register(&self, node: Node, ttl: Duration) -> Result<()> {
        let until = Instant::now() + ttl;
        let mut state = self.state();
        let service = node.service.clone();
        let nodes = state.services.entry(service.clone()).or_default();
        nodes.insert(node.id.clone(), (node, until));
        state.notify(&service);
        drop(state);
        self.registered.notify_waiters();
        Ok(())
    }

    async fn deregister(&self, node: &Node) -> Result<()> {
        let mut state = self.state();
        if let Some(nodes) = state.services.get_mut(&node.service) {
            nodes.remove(&node.id);
        }
        state.notify(&node.service);
        Ok(())
    }

    async fn lookup(&self, service: &str) -> Result<Vec<Node>> {
        Ok(self.state().live(service))
    }

    async fn list(&self) -> Result<Vec<Node>> {
        let mut state = self.state();
        let services: Vec<String> = state.services.keys().cloned().collect();
        Ok(services
            .iter()
            .flat_map(|service| state.live(service))
            .collect())
    }

    async fn watch(&self, service: &str) -> Result<Watch> {
        let mut state = self.state();
        state.watches.retain(|_, sender| !sender.is_closed());
        let known = state.watches.get(service).map(WatchSender::watch);
        let watch = known.unwrap_or_else(|| {
            let sender = WatchSender::new();
            let watch = sender.watch();
            state.watches.insert(service.to_owned(), sender);
            watch
        });
        state.notify(service);
        drop(state);
        // Each watch has its own expiry task, so it works independently of other watches.
        let expire = AbortOnDrop::spawn(self.clone().expire(service.to_owned()));
        Ok(watch.with_guard(expire))
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory")
            .field("services", &self.state().services.len())
            .finish()
    }
}
