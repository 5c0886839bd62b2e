//! `grpc.health.v1.Health`: reports the state of [`Health`] to probes and clients.

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::health::{Health, State};
use crate::mounts::Mounts;
use micro_core::handler::{Method, Parts, Resources, Route, Sender, ServiceInfo, Streaming};
use micro_message::error::{Error, Result};

const INFO: ServiceInfo = ServiceInfo::new("grpc-health", "grpc.health.v1.Health")
    .doc("Whether this server and its services may be called.");

/// The service to check, by its wire name. The empty name stands for the whole server.
#[micro::message(package = "grpc.health.v1")]
#[derive(Debug)]
struct HealthCheckRequest {
    service: String,
}

/// The status of a service.
#[micro::message(package = "grpc.health.v1")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct HealthCheckResponse {
    status: ServingStatus,
}

/// Whether a service accepts calls.
#[micro::message(package = "grpc.health.v1")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ServingStatus {
    #[micro(name = "UNKNOWN")]
    Unknown,
    #[micro(name = "SERVING")]
    Serving,
    #[micro(name = "NOT_SERVING")]
    NotServing,
    #[micro(name = "SERVICE_UNKNOWN")]
    ServiceUnknown,
}

/// A request for the status of all services.
#[micro::message(package = "grpc.health.v1")]
#[derive(Debug)]
struct HealthListRequest {}

/// The status of all services, by wire name.
#[micro::message(package = "grpc.health.v1")]
#[derive(Debug)]
struct HealthListResponse {
    statuses: BTreeMap<String, HealthCheckResponse>,
}

/// State of the service: the health handle and the names of all services.
struct Probe {
    health: Health,
    services: BTreeSet<String>,
}

impl Probe {
    fn status(&self, state: &State, service: &str) -> ServingStatus {
        if !service.is_empty() && !self.services.contains(service) {
            ServingStatus::ServiceUnknown
        } else if state.is_serving(service) {
            ServingStatus::Serving
        } else {
            ServingStatus::NotServing
        }
    }
}

/// Returns the routes of the health service for a server with these services and mounted gRPC
/// services.
pub(crate) fn routes(health: &Health, services: &[ServiceInfo], mounts: &Mounts) -> Vec<Route> {
    let own = services.iter().map(|service| service.wire);
    let names = own.chain(mounts.grpc_services()).chain([INFO.wire]);
    let probe = Arc::new(Probe {
        health: health.clone(),
        services: names.map(str::to_owned).collect(),
    });
    let route = |method: &Method| {
        let instance: Arc<dyn Any + Send + Sync> = Arc::clone(&probe) as _;
        Route::new(INFO, method, instance, Resources::new())
    };
    vec![
        route(
            &Method::unary("Check", |probe: Arc<Probe>, _, asked| async move {
                check(&probe, &asked)
            })
            .doc("How a service is now.")
            .safe(),
        ),
        route(
            &Method::unary(
                "List",
                |probe: Arc<Probe>, _, _: HealthListRequest| async move { Ok(list(&probe)) },
            )
            .doc("How all services are now.")
            .safe(),
        ),
        route(
            &Method::server_stream("Watch", |parts: Parts, asked| async move {
                let probe = parts.service()?;
                Ok(Streaming::make(|out| watch(probe, asked, out)))
            })
            .doc("How a service is now, and again whenever that changes.")
            .safe(),
        ),
    ]
}

fn check(probe: &Probe, asked: &HealthCheckRequest) -> Result<HealthCheckResponse> {
    let status = probe.status(&probe.health.watch().borrow(), &asked.service);
    if status == ServingStatus::ServiceUnknown {
        let known: Vec<_> = probe.services.iter().map(String::as_str).collect();
        return Err(Error::not_found(format!(
            "no service `{}`; known: `{}`",
            asked.service.escape_debug(),
            known.join("`, `")
        )));
    }
    Ok(HealthCheckResponse { status })
}

fn list(probe: &Probe) -> HealthListResponse {
    let state = probe.health.watch();
    let state = state.borrow();
    let names = probe.services.iter().map(String::as_str).chain([""]);
    let statuses = names.map(|service| {
        let status = probe.status(&state, service);
        (service.to_owned(), HealthCheckResponse { status })
    });
    HealthListResponse {
        statuses: statuses.collect(),
    }
}

/// Sends the status of a service, and again whenever it changes. Ends with an error when the server
/// drains.
async fn watch(
    probe: Arc<Probe>,
    asked: HealthCheckRequest,
    out: Sender<HealthCheckResponse>,
) -> Result<()> {
    let mut changes = probe.health.watch();
    let mut said = None;
    loop {
        let (status, over) = {
            let state = changes.borrow_and_update();
            (probe.status(&state, &asked.service), state.draining)
        };
        if said.replace(status) != Some(status) {
            out.send(HealthCheckResponse { status }).await?;
        }
        // The probe owns the sender, so `changed` does not fail; a failure would mean the same.
        if over || changes.changed().await.is_err() {
            return Err(Error::unavailable("the server is stopping; ask another"));
        }
    }
}
