//! `Health`: a service or the app says whether it is ready for calls.

use std::any::TypeId;
use std::collections::HashMap;
use std::sync::Arc;

use crate::error::Result;
use crate::handler::{FromApp, Resources};
use crate::server;

/// Whether a service, or the whole app, is ready for calls.
///
/// Everything is ready by default. The handle is injectable. Injected into a service (a field, a
/// parameter of `init`, of a method or of a subscriber of the service), it sets the readiness of
/// that service. Injected anywhere else, and from [`App::health`](crate::app::App::health), it sets
/// the readiness of the whole app. A service is ready when both are.
///
/// While a service is not ready:
///
/// - It is not registered, so that clients of other processes do not call it. It registers again
///   when it is ready. A client that has the node's address from elsewhere (a proxy, the `static`
///   registry) is still answered.
/// - `grpc.health.v1` reports `NOT_SERVING` for it, in `Check` and in `Watch`.
/// - `GET /readyz` answers 503 with the reason, because the node as a whole may have other callers.
/// - Calls from within the same process, and events, still arrive.
///
/// # Examples
///
/// ```no_run
/// use micro::prelude::*;
/// use micro::{Health, Tasks};
///
/// #[micro::service]
/// struct Search {
///     health: Health,
/// }
///
/// #[micro::service]
/// impl Search {
///     #[micro::rpc(safe)]
///     async fn ready(&self) -> Result<()> {
///         Ok(())
///     }
/// }
///
/// #[micro::on(start)]
/// async fn warm_up(search: &Search, tasks: Tasks) {
///     search.health.set_not_ready("the index is loading");
///     let health = search.health.clone();
///     tasks.spawn("load the index", async move {
///         tokio::time::sleep(secs(3)).await; // Loads the index.
///         health.set_ready();
///     });
/// }
///
/// fn main() {
///     micro::run!()
/// }
/// ```
#[derive(Debug, Clone)]
pub struct Health {
    server: server::Health,
    /// Wire names of the service; `None` for the whole app.
    service: Option<Arc<[&'static str]>>,
}

impl Health {
    /// Sets the service or the app ready.
    pub fn set_ready(&self) {
        match &self.service {
            Some(names) => names
                .iter()
                .for_each(|name| self.server.service_serving(name)),
            None => self.server.serving(),
        }
    }

    /// Sets the service or the app not ready, with a reason that `/readyz` shows.
    pub fn set_not_ready(&self, reason: impl Into<String>) {
        let reason = reason.into();
        match &self.service {
            Some(names) => {
                for name in &**names {
                    self.server.service_not_serving(*name, reason.clone());
                }
            }
            None => self.server.not_serving(reason),
        }
    }

    /// Whether the service, or the app, is ready.
    pub fn is_ready(&self) -> bool {
        match &self.service {
            Some(names) => names.iter().all(|name| self.server.is_serving(name)),
            None => self.server.is_serving(""),
        }
    }
}

impl FromApp for Health {
    fn from_app(app: &Resources) -> Result<Self> {
        let all = app.get::<HealthScopes>()?;
        let service = app.service_type().and_then(|id| all.services.get(&id));
        Ok(Self {
            server: all.server.clone(),
            service: service.cloned(),
        })
    }
}

/// The health of the app, and the wire names of its services by type.
#[derive(Debug, Default)]
pub(super) struct HealthScopes {
    server: server::Health,
    services: HashMap<TypeId, Arc<[&'static str]>>,
}

impl HealthScopes {
    pub(super) fn new(services: impl Iterator<Item = (TypeId, Arc<[&'static str]>)>) -> Self {
        Self {
            server: server::Health::default(),
            services: services.collect(),
        }
    }

    pub(super) fn server(&self) -> &server::Health {
        &self.server
    }

    /// Returns the handle of the whole app.
    pub(super) fn app(&self) -> Health {
        Health {
            server: self.server.clone(),
            service: None,
        }
    }
}
