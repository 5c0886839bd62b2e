//! `Registrar`: registers the services of the app, and keeps each registered while it is ready.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::error::Result;
use crate::registry::{Node, Registration, Registry};
use crate::server::HealthWatch;
use micro_core::internal::spawn_in;

/// Delay before the next attempt, when the registry has failed to register a service that has
/// become ready.
const RETRY_BACKOFF: Duration = Duration::from_secs(1);

/// A service that is registered while it is ready.
pub(super) struct Entry {
    /// Name of the service on the wire.
    pub(super) wire: String,
    pub(super) node: Node,
    pub(super) registration: Option<Registration>,
}

/// The registrations of a running app. Dropping it ends their heartbeats.
#[derive(Default)]
pub(super) struct Registrar {
    /// The task that follows the health. It returns the entries when it is asked to stop.
    task: JoinSet<Vec<Entry>>,
    stopping: CancellationToken,
    registered: Arc<AtomicUsize>,
}

impl Registrar {
    /// Registers the services that are ready, and starts to follow the health of all of them.
    /// Returns the nodes that are registered.
    pub(super) async fn start(
        registry: &Registry,
        ttl: Duration,
        nodes: Vec<(String, Node)>,
        health: HealthWatch,
    ) -> Result<(Self, Vec<Node>)> {
        let mut registrar = Self::default();
        let mut entries = Vec::new();
        let mut registered = Vec::new();
        for (wire, node) in nodes {
            let mut registration = None;
            if health.is_serving(&wire) {
                registration = Some(registry.register(node.clone(), ttl).await?);
                registered.push(node.clone());
            }
            entries.push(Entry {
                wire,
                node,
                registration,
            });
        }
        registrar
            .registered
            .store(registered.len(), Ordering::Relaxed);
        let follower = Follower {
            registry: registry.clone(),
            ttl,
            entries,
            health,
            registered: Arc::clone(&registrar.registered),
        };
        let stopping = registrar.stopping.clone();
        spawn_in(&mut registrar.task, follower.run(stopping));
        Ok((registrar, registered))
    }

    /// Whether a service is registered.
    pub(super) fn is_listed(&self) -> bool {
        self.registered.load(Ordering::Relaxed) > 0
    }

    /// Stops following the health, which changes when the server announces its stop.
    pub(super) fn stop_following(&self) {
        self.stopping.cancel();
    }

    /// Stops following the health, and deregisters all services within `limit`.
    pub(super) async fn leave(&mut self, limit: Duration) {
        self.stop_following();
        let left = timeout(limit, async {
            while let Some(ended) = self.task.join_next().await {
                match ended {
                    Ok(entries) => deregister(entries).await,
                    Err(error) => tracing::error!(%error, "nodes stay until their ttl"),
                }
            }
        });
        if left.await.is_err() {
            // Dropping the registrations ends their heartbeats.
            self.task.abort_all();
            tracing::warn!(
                ?limit,
                "the registry does not answer; nodes stay until their ttl"
            );
        }
    }
}

async fn deregister(entries: Vec<Entry>) {
    let mut leaving = JoinSet::new();
    for registration in entries.into_iter().filter_map(|entry| entry.registration) {
        spawn_in(&mut leaving, registration.deregister());
    }
    while let Some(left) = leaving.join_next().await {
        match left {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "still registered until its ttl"),
            Err(error) => tracing::warn!(%error, "still registered until its ttl"),
        }
    }
}

/// Registers services that become ready, and deregisters those that are not ready any more.
struct Follower {
    registry: Registry,
    ttl: Duration,
    entries: Vec<Entry>,
    health: HealthWatch,
    registered: Arc<AtomicUsize>,
}

impl Follower {
    /// Follows the health until `stopping` is cancelled, and returns the entries.
    async fn run(mut self, stopping: CancellationToken) -> Vec<Entry> {
        loop {
            let is_done = self.update(&stopping).await;
            let retry = async {
                if is_done {
                    std::future::pending::<()>().await;
                }
                sleep(RETRY_BACKOFF).await;
            };
            tokio::select! {
                biased;
                () = stopping.cancelled() => return self.entries,
                () = self.health.changed() => {}
                () = retry => {}
            }
        }
    }

    /// Adjusts the registrations to the health. Returns whether all of them agree with it.
    async fn update(&mut self, stopping: &CancellationToken) -> bool {
        let mut is_done = true;
        for entry in &mut self.entries {
            if stopping.is_cancelled() {
                break;
            }
            let is_ready = self.health.is_serving(&entry.wire);
            let service = &*entry.wire;
            match (is_ready, entry.registration.take()) {
                (true, None) => {
                    let registered = self.registry.register(entry.node.clone(), self.ttl).await;
                    match registered {
                        Ok(registration) => entry.registration = Some(registration),
                        Err(error) => {
                            is_done = false;
                            tracing::error!(service, error = error.chain(), "not registered");
                        }
                    }
                }
                (false, Some(registration)) => {
                    tracing::warn!(service, "not ready; deregistered");
                    if let Err(error) = registration.deregister().await {
                        tracing::warn!(service, %error, "still registered until its ttl");
                    }
                }
                (_, unchanged) => entry.registration = unchanged,
            }
        }
        let listed = self
            .entries
            .iter()
            .filter(|entry| entry.registration.is_some());
        self.registered.store(listed.count(), Ordering::Relaxed);
        is_done
    }
}
