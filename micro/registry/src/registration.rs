//! A node that stays registered as long as its guard is alive.
//!
//! The guard exists only after the first registration succeeded. Whether a service may start
//! without its registry is decided elsewhere.

use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::BuildHasher;
use std::time::Duration;

use tokio::time::sleep;

use crate::handle::Registry;
use crate::record::Node;
use crate::watch::AbortOnDrop;
use micro_message::error::Result;

/// Delay before the first retry of a failed heartbeat. It doubles up to the heartbeat interval.
const INITIAL_BACKOFF: Duration = Duration::from_millis(100);

/// Guard of a registered node. It owns the node's heartbeat.
///
/// Dropping the guard stops the heartbeat, so the record expires after its ttl.
/// [`deregister`](Self::deregister) removes it at once.
#[must_use = "the heartbeat stops when this is dropped"]
pub struct Registration {
    registry: Registry,
    node: Node,
    /// Task that sends the heartbeats. It is aborted with this guard.
    heartbeat: AbortOnDrop<()>,
}

impl Registration {
    pub(super) fn start(registry: Registry, node: Node, ttl: Duration) -> Self {
        let task = AbortOnDrop::spawn(heartbeat(registry.clone(), node.clone(), ttl));
        Self {
            registry,
            node,
            heartbeat: task,
        }
    }

    /// The registered node.
    pub fn node(&self) -> &Node {
        &self.node
    }

    /// Stops the heartbeat and removes the record.
    ///
    /// # Errors
    ///
    /// Any error of the backend. The record then expires after its ttl.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the record expires after its ttl at the latest.
    pub async fn deregister(self) -> Result<()> {
        let Self {
            registry,
            node,
            mut heartbeat,
        } = self;
        heartbeat.0.abort();
        // A heartbeat that is still in flight must not write the record again afterwards.
        if let Err(error) = (&mut heartbeat.0).await
            && error.is_panic()
        {
            tracing::error!(node = node.id, "heartbeat panicked");
        }
        registry.remove(&node).await?;
        tracing::info!(
            registry = registry.scheme(),
            service = node.service,
            node = node.id,
            "deregistered"
        );
        Ok(())
    }
}

impl fmt::Debug for Registration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registration")
            .field("node", &self.node)
            .finish_non_exhaustive()
    }
}

async fn heartbeat(registry: Registry, node: Node, ttl: Duration) {
    let interval = registry.heartbeat_interval(ttl);
    let mut retry = INITIAL_BACKOFF.min(interval);
    let mut pause = jittered(interval);
    let mut failures = 0_u32;
    loop {
        sleep(pause).await;
        match registry.write(&node, ttl).await {
            Ok(()) => {
                if failures > 0 {
                    tracing::info!(node = node.id, failures, "registered again");
                }
                failures = 0;
                retry = INITIAL_BACKOFF.min(interval);
                pause = jittered(interval);
            }
            Err(error) => {
                failures = failures.saturating_add(1);
                tracing::warn!(node = node.id, error = %error.chain(), "heartbeat failed");
                pause = jittered(retry);
                retry = (retry * 2).min(interval);
            }
        }
    }
}

/// A random duration between four fifths of `length` and `length`, so that nodes that started
/// together do not send their heartbeats together.
pub(super) fn jittered(length: Duration) -> Duration {
    // The keys of each `RandomState` differ. This is random enough here and needs no further crate.
    let random = RandomState::new().hash_one(length) % 1024;
    let share = u32::try_from(random).expect("less than 1024");
    length * 4 / 5 + length / 5 * share / 1024
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::Memory;

    const TTL: Duration = Duration::from_secs(30);

    #[tokio::test(start_paused = true)]
    async fn heartbeat_keeps_a_node_and_dropping_the_guard_lets_it_go() {
        let registry = Registry::new(Memory::new());
        let node = Node::new("greeter", "a", "127.0.0.1:1");
        let registration = registry.register(node.clone(), TTL).await.unwrap();
        sleep(TTL * 20).await;
        assert_eq!(
            registry.lookup("greeter").await.unwrap(),
            std::slice::from_ref(&node)
        );
        drop(registration);
        sleep(TTL).await;
        assert_eq!(registry.lookup("greeter").await.unwrap(), []);
    }

    /// Counts the writes of a record.
    struct Counter(std::sync::atomic::AtomicU32);

    impl crate::Backend for &'static Counter {
        fn scheme(&self) -> &'static str {
            "counter"
        }

        fn capabilities(&self) -> crate::Capabilities {
            crate::Capabilities::ALL
        }

        async fn register(&self, _: Node, _: Duration) -> Result<()> {
            self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            Ok(())
        }

        async fn deregister(&self, _: &Node) -> Result<()> {
            Ok(())
        }

        async fn lookup(&self, _: &str) -> Result<Vec<Node>> {
            Ok(Vec::new())
        }

        async fn list(&self) -> Result<Vec<Node>> {
            Ok(Vec::new())
        }

        async fn watch(&self, _: &str) -> Result<crate::Watch> {
            Ok(crate::Watch::channel().1)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn heartbeats_follow_the_interval_that_is_set() {
        let second = Duration::from_secs(1);
        // Heartbeats within 60 s: the pauses are four to five fifths of the interval.
        for (interval, expected) in [
            (None, 6..=8),
            (Some(second * 20), 3..=4),
            (Some(second * 2), 30..=38),
            (Some(TTL), 6..=8),
        ] {
            static COUNTER: Counter = Counter(std::sync::atomic::AtomicU32::new(0));
            COUNTER.0.store(0, std::sync::atomic::Ordering::SeqCst);
            let mut registry = Registry::new(&COUNTER);
            if let Some(interval) = interval {
                registry = registry.with_heartbeat_interval(interval);
            }
            let node = Node::new("greeter", "a", "127.0.0.1:1");
            let registration = registry.register(node, TTL).await.unwrap();
            sleep(second * 60).await;
            drop(registration);
            let beats = COUNTER.0.load(std::sync::atomic::Ordering::SeqCst) - 1;
            assert!(expected.contains(&beats), "{interval:?}: {beats}");
        }
    }

    #[test]
    fn jitter_stays_within_a_fifth() {
        for _ in 0..100 {
            let pause = jittered(Duration::from_secs(10));
            assert!(pause >= Duration::from_secs(8) && pause <= Duration::from_secs(10));
        }
    }
}
