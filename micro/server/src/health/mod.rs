//! `Health`: whether the server and each of its services accept calls.

mod service;

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::watch;

pub(super) use self::service::routes;

/// Whether the server and each of its services accept calls.
///
/// Everything is serving by default. A service is serving when neither the service nor the server
/// as a whole is marked as not serving. `Health` is cheap to clone; all clones share one state.
#[derive(Debug, Clone)]
pub struct Health(Arc<watch::Sender<State>>);

/// The current state; health streams watch it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct State {
    /// Why the server as a whole is not serving; `None` while it is.
    overall: Option<String>,
    /// Why services are not serving, by wire name.
    services: BTreeMap<String, String>,
    /// Set when the server begins to drain, and never cleared.
    pub(super) draining: bool,
}

impl Default for Health {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(State::default())))
    }
}

impl Health {
    /// Marks the server as serving.
    pub fn serving(&self) {
        self.0.send_modify(|state| state.overall = None);
    }

    /// Marks the server as not serving, with a reason that `/readyz` shows.
    pub fn not_serving(&self, reason: impl Into<String>) {
        let reason = reason.into();
        self.0.send_modify(|state| state.overall = Some(reason));
    }

    /// Marks a service as serving, by its wire name, for example `greeter.Greeter`.
    pub fn service_serving(&self, service: &str) {
        self.0.send_modify(|state| {
            state.services.remove(service);
        });
    }

    /// Marks a service as not serving, by its wire name, with a reason that `/readyz` shows.
    pub fn service_not_serving(&self, service: impl Into<String>, reason: impl Into<String>) {
        let (service, reason) = (service.into(), reason.into());
        self.0.send_modify(|state| {
            state.services.insert(service, reason);
        });
    }

    /// Returns why the server is not ready for calls; `None` when it is ready.
    pub fn unready(&self) -> Option<String> {
        let state = self.0.borrow();
        if state.draining {
            return Some("the server is stopping".into());
        }
        let services = state.services.iter();
        let services: Vec<_> = services
            .map(|(service, reason)| format!("`{service}`: {reason}"))
            .collect();
        let reason = (!services.is_empty()).then(|| services.join("; "));
        state.overall.clone().or(reason)
    }

    /// Whether a service is serving, by its wire name. The empty name stands for the whole server.
    pub fn is_serving(&self, service: &str) -> bool {
        self.0.borrow().is_serving(service)
    }

    /// Returns a watch that follows the changes from now on.
    pub fn changes(&self) -> HealthWatch {
        HealthWatch(self.watch())
    }

    /// Marks everything as not serving. Later calls of the other methods do not change this.
    pub(super) fn drain(&self) {
        self.0.send_modify(|state| state.draining = true);
    }

    pub(super) fn watch(&self) -> watch::Receiver<State> {
        self.0.subscribe()
    }
}

/// Follows the changes of a [`Health`].
#[derive(Debug, Clone)]
pub struct HealthWatch(watch::Receiver<State>);

impl HealthWatch {
    /// Whether a service is serving, by its wire name. The empty name stands for the whole server.
    pub fn is_serving(&self, service: &str) -> bool {
        self.0.borrow().is_serving(service)
    }

    /// Waits for a change since the last call. Never completes after all handles are dropped.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn changed(&mut self) {
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl State {
    /// Whether a service is serving, by its wire name. The empty name stands for the whole server.
    pub(super) fn is_serving(&self, service: &str) -> bool {
        !self.draining && self.overall.is_none() && !self.services.contains_key(service)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_serves_when_it_and_the_server_do() {
        let health = Health::default();
        let serving = |service: &str| health.watch().borrow().is_serving(service);
        assert!(serving("") && serving("a.A") && health.unready().is_none());
        health.service_not_serving("a.A", "no database");
        assert!(serving("") && !serving("a.A") && serving("b.B"));
        assert_eq!(health.unready().unwrap(), "`a.A`: no database");
        health.service_serving("a.A");
        health.not_serving("starting");
        assert!(!serving("") && !serving("a.A"));
        assert_eq!(health.unready().unwrap(), "starting");
        health.drain();
        health.serving();
        assert!(!serving(""));
        assert_eq!(health.unready().unwrap(), "the server is stopping");
    }
}
