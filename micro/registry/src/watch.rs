//! A live view of one service's nodes. A backend feeds it and a client reads it.
//!
//! A watch holds only the latest list. It is therefore bounded, and a slow reader always receives
//! the final state. It keeps no history: a node that appears and disappears between two reads is
//! not reported.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use tokio::sync::watch;

use crate::record::{Change, Node, sorted};
use micro_core::internal::spawn;

type Snapshot = Option<Arc<[Node]>>;

/// A watch on the nodes of one service.
///
/// Dropping it ends the watch. Dropping the last watch of a service also stops the backend's work
/// for it.
pub struct Watch {
    receiver: watch::Receiver<Snapshot>,
    /// The list that `next` returned last. `None` before the first call.
    seen: Snapshot,
    /// Values that are dropped with the watch. Backends store guards here that stop their work.
    guards: Vec<Box<dyn Send + Sync>>,
}

impl Watch {
    /// Creates a watch and its sender. The list is unknown until the first
    /// [`send`](WatchSender::send).
    pub fn channel() -> (WatchSender, Self) {
        let sender = WatchSender::new();
        let watch = sender.watch();
        (sender, watch)
    }

    /// Creates a watch that is fed by a task. The task is aborted when the watch is dropped.
    ///
    /// # Panics
    ///
    /// Panics outside of a tokio runtime.
    pub fn spawn<F>(feed: impl FnOnce(WatchSender) -> F) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (sender, watch) = Self::channel();
        watch.with_guard(AbortOnDrop::spawn(feed(sender)))
    }

    /// Keeps a value until the watch is dropped, for example a guard that stops a backend's work.
    pub fn with_guard(mut self, guard: impl Send + Sync + 'static) -> Self {
        self.guards.push(Box::new(guard));
        self
    }

    /// Waits for the next change. The first call returns the current list, with all nodes as added.
    ///
    /// The first call waits until the backend knows the list. The list may then be empty: this
    /// means that the service has no nodes, not that the list is unknown. Returns `None` when the
    /// backend has stopped feeding the watch for good.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: dropping the future loses no change.
    pub async fn next(&mut self) -> Option<Change> {
        loop {
            let now = self.receiver.borrow_and_update().clone();
            if let Some(change) = self.take(now) {
                return Some(change);
            }
            if self.receiver.changed().await.is_err() {
                return None;
            }
        }
    }

    /// Waits until the list is known or the sender is dropped. The list still counts as unseen.
    pub(crate) async fn known(&mut self) {
        // An error means that the sender was dropped. `next` reports this.
        let _ = self.receiver.wait_for(Option::is_some).await;
    }

    /// The current nodes, sorted by id. `None` while the backend does not know them yet.
    ///
    /// The list still counts as unseen: the following [`next`](Self::next) returns the change.
    pub fn current(&self) -> Option<Vec<Node>> {
        self.receiver.borrow().as_deref().map(<[Node]>::to_vec)
    }

    fn take(&mut self, now: Snapshot) -> Option<Change> {
        let nodes = now?;
        let change = match &self.seen {
            Some(seen) if Arc::ptr_eq(seen, &nodes) || are_same(seen, &nodes) => return None,
            Some(seen) => Change::between(seen, &nodes),
            None => Change::between(&[], &nodes),
        };
        self.seen = Some(nodes);
        Some(change)
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch")
            .field("current", &self.current())
            .finish_non_exhaustive()
    }
}

/// The sending half of one or more [`Watch`]es.
#[derive(Clone)]
pub struct WatchSender(Arc<watch::Sender<Snapshot>>);

impl WatchSender {
    /// Creates a sender without a watch.
    pub fn new() -> Self {
        Self(Arc::new(watch::Sender::new(None)))
    }

    /// Creates another watch of this sender. It starts with the list that was sent last.
    pub fn watch(&self) -> Watch {
        Watch {
            receiver: self.0.subscribe(),
            seen: None,
            guards: Vec::new(),
        }
    }

    /// Sends the full list to all watches, in any order. If two nodes have the same id, the first
    /// one is used. A list equal to the last one wakes no watch.
    pub fn send(&self, nodes: Vec<Node>) {
        let nodes: Arc<[Node]> = sorted(nodes).into();
        self.0.send_if_modified(|current| {
            let differs = current
                .as_ref()
                .is_none_or(|current| !are_same(current, &nodes));
            if differs {
                *current = Some(nodes);
            }
            differs
        });
    }

    /// Whether all watches were dropped.
    pub fn is_closed(&self) -> bool {
        self.0.is_closed()
    }

    /// Waits until all watches are dropped.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn closed(&self) {
        self.0.closed().await;
    }
}

impl Default for WatchSender {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for WatchSender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WatchSender")
            .field("watches", &self.0.receiver_count())
            .finish()
    }
}

fn are_same(before: &[Node], now: &[Node]) -> bool {
    let mut pairs = before.iter().zip(now);
    before.len() == now.len() && pairs.all(|(before, now)| before.is_same(now))
}

/// Owns a task and aborts it when dropped.
#[derive(Debug)]
pub struct AbortOnDrop<T>(pub tokio::task::JoinHandle<T>);

impl AbortOnDrop<()> {
    /// Spawns the task.
    ///
    /// # Panics
    ///
    /// Panics outside of a tokio runtime.
    #[track_caller]
    pub fn spawn(task: impl Future<Output = ()> + Send + 'static) -> Self {
        Self(spawn(task))
    }
}

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(id: &str) -> Node {
        Node::new("greeter", id, "127.0.0.1:1")
    }

    #[tokio::test]
    async fn unknown_waits_and_empty_answers() {
        let (sender, mut watch) = Watch::channel();
        assert!(watch.current().is_none());
        let poll = tokio::time::timeout(std::time::Duration::from_millis(5), watch.next()).await;
        assert!(poll.is_err(), "nothing is known yet");
        sender.send(Vec::new());
        assert_eq!(watch.next().await, Some(Change::default()));
    }

    #[tokio::test]
    async fn slow_reader_sees_the_final_state_and_then_the_end() {
        let (sender, mut watch) = Watch::channel();
        sender.send(vec![node("a")]);
        assert_eq!(watch.next().await.unwrap().added, [node("a")]);
        for id in ["b", "c", "d"] {
            sender.send(vec![node("a"), node(id)]);
        }
        drop(sender);
        let change = watch.next().await.unwrap();
        assert_eq!(change.added, [node("d")]);
        assert!(change.removed.is_empty());
        assert_eq!(watch.next().await, None);
    }

    #[tokio::test]
    async fn last_watch_stops_the_task() {
        let alive = Arc::new(());
        let held = Arc::clone(&alive);
        let watch = Watch::spawn(|sender| async move {
            sender.send(Vec::new());
            std::future::pending::<()>().await;
            drop(held);
        });
        drop(watch);
        while Arc::strong_count(&alive) > 1 {
            tokio::task::yield_now().await;
        }
    }
}
