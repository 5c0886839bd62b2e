//! `Discovery`: what happens while a call waits for a first node: a message in the log, a time
//! limit, and the error that names what the registry knows instead.

use std::fmt::Write as _;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until, timeout_at};

use crate::client_state::ClientState;
use crate::nodes::ServiceNodes;
use crate::selector::Filter;
use micro_core::internal::deadline_after;
use micro_message::error::{Error, Result};
use micro_registry::{Node, Registry};

/// Time to wait for a node before listing the known services.
const LIST_AFTER: Duration = Duration::from_millis(50);
/// Time to wait for a node before the log says so.
const WARN_AFTER: Duration = Duration::from_secs(1);
/// Maximum number of services that a message lists.
const MAX_LISTED: usize = 20;

/// The wait of one call for a first node.
pub(super) struct Discovery<'a> {
    core: &'a Arc<ClientState>,
    filter: &'a Filter,
    /// Path of the method.
    path: &'a str,
    started: Instant,
    /// The services in the registry, with the number of their nodes. `None` until they are listed.
    known: Option<Vec<(String, usize)>>,
}

impl<'a> Discovery<'a> {
    pub(super) fn new(core: &'a Arc<ClientState>, filter: &'a Filter, path: &'a str) -> Self {
        Self {
            core,
            filter,
            path,
            started: Instant::now(),
            known: None,
        }
    }

    /// Lists what the registry knows, logs after a second that no node is found, and completes at
    /// the client's discovery timeout. Returns that limit and its origin.
    pub(super) async fn run(&mut self, service: &ServiceNodes) -> String {
        let timeout = self.core.config.discovery_timeout;
        let end = deadline_after(self.started, timeout);
        let core = Arc::clone(self.core);
        let looked = async {
            let warn_at = self.started + WARN_AFTER;
            if let Some(registry) = &core.registry {
                self.look(registry, service, warn_at).await;
            } else {
                sleep_until(warn_at).await;
                self.warn(service);
            }
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = looked => {}
            () = sleep_until(end) => {}
        }
        format!("{timeout:?}, the client's discovery timeout,")
    }

    async fn look(&mut self, registry: &Registry, service: &ServiceNodes, warn_at: Instant) {
        sleep(LIST_AFTER).await;
        let mut listing = pin!(registry.list());
        if let Ok(listed) = timeout_at(warn_at, listing.as_mut()).await {
            self.note(listed);
            sleep_until(warn_at).await;
            self.warn(service);
        } else {
            self.warn(service);
            let listed = listing.await;
            self.note(listed);
        }
    }

    /// Stores what the registry knows. If it cannot be listed, messages do without.
    fn note(&mut self, listed: Result<Vec<Node>>) {
        match listed {
            Ok(nodes) => self.known = Some(counted(nodes)),
            Err(error) => tracing::debug!(%error, "the registry cannot be listed"),
        }
    }

    fn warn(&self, service: &ServiceNodes) {
        if service.may_warn() {
            tracing::warn!(
                service = service.name,
                registry = self.registry(),
                waited = ?self.started.elapsed(),
                known = self.known.as_deref().map(list),
                nearest = self.nearest(service),
                details = service.why_none(self.path).trim_start_matches("; "),
                "no node found yet"
            );
        }
    }

    fn registry(&self) -> &str {
        let registry = self.core.registry.as_ref();
        registry.map_or("nothing", Registry::scheme)
    }

    /// Returns the known service whose name is most similar.
    fn nearest(&self, service: &ServiceNodes) -> Option<&str> {
        let names = self.known.iter().flatten().map(|(name, _)| name.as_str());
        nearest(&service.name, names)
    }

    /// Returns the error of a call for which no node was found. `waited` is the limit that has
    /// passed.
    pub(super) fn error(&self, service: &ServiceNodes, waited: &str) -> Error {
        let mut text = format!(
            "no node serves `{}`{}; looked for {waited} in `{}`",
            service.name,
            self.filter,
            self.registry(),
        );
        text.push_str(&service.why_none(self.path));
        if let Some(known) = &self.known {
            // Writing to a `String` does not fail.
            let _ = write!(text, "; known: {}", list(known));
        }
        match self.nearest(service) {
            Some(nearest) if nearest != service.name => {
                let _ = write!(text, "; did you mean `{nearest}`?"); // Does not fail either.
            }
            Some(_) => {}
            None => text.push_str(
                "; start a node of it, or give both programs the same setting `registry`",
            ),
        }
        Error::unavailable(text)
    }
}

/// Counts the nodes of each service.
fn counted(nodes: Vec<Node>) -> Vec<(String, usize)> {
    let mut known: Vec<(String, usize)> = Vec::new();
    for node in nodes {
        match known.iter_mut().find(|(name, _)| *name == node.service) {
            Some((_, count)) => *count += 1,
            None => known.push((node.service, 1)),
        }
    }
    known.sort_unstable();
    known
}

/// Formats services, with the number of their nodes if there are several.
fn list(known: &[(String, usize)]) -> String {
    if known.is_empty() {
        return "none".to_owned();
    }
    let mut names: Vec<String> = known
        .iter()
        .take(MAX_LISTED)
        .map(|(name, count)| match count {
            1 => format!("`{name}`"),
            count => format!("`{name}` ({count} nodes)"),
        })
        .collect();
    if known.len() > MAX_LISTED {
        names.push(format!("{} more", known.len() - MAX_LISTED));
    }
    names.join(", ")
}

/// Returns the known name that differs from `wanted` only by a typo.
fn nearest<'a>(wanted: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known
        .map(|name| (strsim::osa_distance(wanted, name), name))
        .filter(|(distance, name)| *distance <= 1 + name.len() / 5)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}
