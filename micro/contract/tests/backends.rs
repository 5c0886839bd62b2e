//! Runs the contract suites for the backends of micro.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

#[path = "backends/broker.rs"]
mod broker;
#[path = "backends/events.rs"]
mod events;
#[path = "backends/http/mod.rs"]
mod http;
#[path = "backends/registry.rs"]
mod registry;
