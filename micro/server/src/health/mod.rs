//! `Health`: whether calls should come to this server, overall and for each service.

mod service;

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::watch;

pub(super) use self::service::routes;

/// Whether calls should come to this server, overall and for each service on it.
///
/// Everything is serving until told otherwise. A service is serving when it is not marked itself
/// and the server as a whole is serving. Cheap to clone; all clones are one.
#[derive(Debug, Clone)]
pub struct Health(Arc<watch::Sender<State>>);

/// What is known; watched by health streams.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct State {
    /// Why nothing is serving, if so.
    overall: Option<String>,
    /// Why a service is not serving, by its wire name.
    services: BTreeMap<String, String>,
    /// Set once, when the server begins to drain; not undone.
    pub(super) draining: bool,
}

impl Default for Health {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(State::default())))
    }
}

impl Health {
    /// Calls may come to this server.
    pub fn serving(&self) {
        self.0.send_modify(|state| state.overall = None);
    }

    /// Calls should not come to this server, for a reason that `/readyz` tells.
    pub fn not_serving(&self, reason: impl Into<String>) {
        let reason = reason.into();
        self.0.send_modify(|state| state.overall = Some(reason));
    }

    /// Calls may come to a service, given by its name on the wire: `greeter.Greeter`.
    pub fn service_serving(&self, service: &str) {
        self.0.send_modify(|state| {
            state.services.remove(service);
        });
    }

    /// Calls should not come to a service, given by its name on the wire, for a reason.
    pub fn service_not_serving(&self, service: impl Into<String>, reason: impl Into<String>) {
        let (service, reason) = (service.into(), reason.into());
        self.0.send_modify(|state| {
            state.services.insert(service, reason);
        });
    }

    /// Why calls should not come here; `None` when they may.
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

    /// The server stops: nothing is serving any more, whatever is said later.
    pub(super) fn drain(&self) {
        self.0.send_modify(|state| state.draining = true);
    }

    pub(super) fn watch(&self) -> watch::Receiver<State> {
        self.0.subscribe()
    }
}

impl State {
    /// Whether calls may come to a service by its wire name; the empty name is the whole server.
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
