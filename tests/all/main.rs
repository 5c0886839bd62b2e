//! All tests that involve several modules, in one program, because linking is expensive.

#![allow(
    clippy::unwrap_used,
    reason = "a test that unwraps fails, as it should"
)]

mod access_log;
mod attributes;
mod beside;
mod clients;
mod configured;
mod errors;
mod failover;
mod finding;
mod guide;
mod hostile;
mod http;
#[cfg(target_os = "linux")]
mod idle;
mod killed;
mod limits;
mod logging;
mod memory;
mod message;
mod peers;
mod programs;
mod schema;
mod settings;
mod proto;
mod refused;
mod sources;
mod stop_under_load;
mod spoofed;
mod stopping;
mod storm;
mod streams;
mod tidy;
mod topics;
