//! The backends that micro ships, run through the contract suites.

#[path = "backends/broker.rs"]
mod broker;
#[path = "backends/events.rs"]
mod events;
#[path = "backends/http/mod.rs"]
mod http;
#[path = "backends/registry.rs"]
mod registry;
