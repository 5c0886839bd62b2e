//! A live view of one service's nodes: what a backend feeds and a client reads.
//!
//! Holds only the latest list, so it is bounded and a slow reader never misses the final state; it
//! does not keep a history, so a node that came and went between two looks is not told.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use tokio::sync::watch;

use crate::record::{Change, Node, sorted};
use micro_core::internal::spawn;

type Snapshot = Option<Arc<[Node]>>;

/// The nodes of one service as they change.
///
/// Dropping it ends the watch, and with the last one the backend's work for it.
pub struct Watch {
    receiver: watch::Receiver<Snapshot>,
    /// What `next` last gave; `None` before the first.
    seen: Snapshot,
    /// Dropped with the watch; backends put here what stops their work.
    guards: Vec<Box<dyn Send + Sync>>,
}

impl Watch {
    /// A watch and the side that feeds it. Nothing is known until the first
    /// [`send`](WatchSender::send).
    pub fn channel() -> (WatchSender, Self) {
        let sender = WatchSender::new();
        let watch = sender.watch();
        (sender, watch)
    }

    /// A watch fed by a task that is stopped when the watch is dropped.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn spawn<F>(feed: impl FnOnce(WatchSender) -> F) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (sender, watch) = Self::channel();
        watch.with_guard(AbortOnDrop::spawn(feed(sender)))
    }

    /// Keeps a value until the watch is dropped: the place for what stops a backend's work.
    pub fn with_guard(mut self, guard: impl Send + Sync + 'static) -> Self {
        self.guards.push(Box::new(guard));
        self
    }

    /// What changed since the last call; the first gives the list as it is now, all as added.
    ///
    /// The first call waits until the backend knows the list, which may then be empty: "nobody" is
    /// an answer, "not known yet" is not. `None` means that the backend stopped feeding for good.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: nothing is lost when the future is dropped.
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

    /// Waits until the list is known or never will be; what it is counts as unseen.
    pub(crate) async fn known(&mut self) {
        // An error means that nobody feeds the watch, which `next` will say.
        let _ = self.receiver.wait_for(Option::is_some).await;
    }

    /// The nodes there are now, by id; `None` while the backend does not know yet.
    ///
    /// Does not count as seen: the next [`next`](Self::next) still tells the change.
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

/// The feeding side of one or more [`Watch`]es.
#[derive(Clone)]
pub struct WatchSender(Arc<watch::Sender<Snapshot>>);

impl WatchSender {
    /// A sender without a watch yet.
    pub fn new() -> Self {
        Self(Arc::new(watch::Sender::new(None)))
    }

    /// Another watch fed by this sender. It starts from the list that was sent last.
    pub fn watch(&self) -> Watch {
        Watch {
            receiver: self.0.subscribe(),
            seen: None,
            guards: Vec::new(),
        }
    }

    /// Tells all watches the full list. The order does not matter; of two nodes with one id the
    /// first counts; a list equal to the last one wakes nobody.
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

    /// Whether no watch is left.
    pub fn is_closed(&self) -> bool {
        self.0.is_closed()
    }

    /// Waits until no watch is left.
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

/// Owns a task and stops it when dropped.
#[derive(Debug)]
pub struct AbortOnDrop<T>(pub tokio::task::JoinHandle<T>);

impl AbortOnDrop<()> {
    /// Spawns the task.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
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
