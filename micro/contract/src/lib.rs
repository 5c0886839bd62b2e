#![doc = include_str!("../README.md")]
//!
//! # Use
//!
//! Add the crate as a dev-dependency and call one macro per subsystem in a test file:
//! [`registry!`], [`broker!`] or [`events!`]. The macro takes the name of the module to generate
//! and an expression that opens the backend:
//!
//! ```test_harness
//! use micro::events::{Events, Memory};
//!
//! // Write `Events::new(YourBackend::connect(url))` here.
//! micro_contract::events!(memory, async || Events::new(Memory::new()));
//! # fn main() {}
//! ```
//!
//! `cargo test` then lists every case by name:
//!
//! ```text
//! test memory::a_key_is_served_in_order ... ok
//! test memory::offsets_follow_each_other ... ok
//! ```
//!
//! The expression is evaluated once per case, inside a module that imports all names of the
//! enclosing module. It must be an async closure, or a closure that returns a future. Values that
//! the expression creates before the closure live until the case ends, so each case can have its
//! own directory:
//!
//! ```test_harness
//! # use micro::events::{Config, Events, File};
//! micro_contract::events!(file, {
//!     let dir = tempfile::tempdir().expect("a directory for temporary files");
//!     async move || Events::new(File::new(Config::new(dir.path())))
//! });
//! # fn main() {}
//! ```
//!
//! These arguments may appear between the name and the expression, in any order:
//!
//! | argument | effect |
//! |---|---|
//! | `ignore = "needs nats"` | ignores every case with this reason; `cargo test -- --ignored` runs them |
//! | `start_paused = true` | runs every case with tokio's clock paused; for backends without I/O |
//! | `worker_threads = 2` | runs every case in a runtime with this number of threads; without it, on the thread of the test |
//!
//! For example, a backend that needs a server:
//!
//! ```test_harness
//! # use micro::events::Events;
//! const URL: &str = "nats://127.0.0.1:4222";
//!
//! micro_contract::events!(nats, ignore = "needs nats", worker_threads = 2, || async {
//!     Events::open(URL).expect("a known scheme")
//! });
//! # fn main() {}
//! ```
//!
//! Each case is also a public async function, for example [`events::a_key_is_served_in_order`],
//! which takes the `World` of its suite. The macros only call these functions within a tokio
//! runtime, so the crate of a backend needs neither `tokio` nor its attributes.
//!
//! # Worlds
//!
//! Each case gets its own world: [`registry::World`], [`broker::World`] or [`events::World`]. The
//! names of topics, groups and services in a case start with a random prefix. Cases can therefore
//! run in parallel against one shared server, and earlier runs of the suite do not affect later
//! ones. Topics and groups remain on such a server.
//!
//! # Capabilities
//!
//! A backend declares its optional features in its `Capabilities`. A case that needs a capability
//! which the backend does not have is skipped: it passes, and writes one line to standard error,
//! for example `skipped: backend `mine` says it cannot trim topics`. Every declared capability is
//! tested as far as a test in one process can do so. The suites do not test that
//! `events::Capabilities::atomic` holds when a process is killed. They test that
//! `broker::Capabilities::remote` reaches another process only if the world's handles use separate
//! connections. An operation that the backend does not support must fail with
//! `ErrorKind::Unimplemented`; the case `what_it_cannot_is_unimplemented` of each suite checks
//! this.
//!
//! # Waiting
//!
//! Cases wait for conditions, for at most 30 seconds each, so that they do not fail on a slow
//! machine. To test that nothing more arrives, a case publishes or appends a marker afterwards,
//! which must be the next thing to arrive. Where time itself is tested (a ttl, an `ack_wait`), a
//! case asserts only that something does not happen too early.

#![forbid(unsafe_code)]
#![allow(
    clippy::unwrap_used,
    reason = "a case reports its failure by a panic, as a test does"
)]

pub mod broker;
pub mod events;
mod macros;
pub mod registry;

#[doc(hidden)]
pub mod __private;

use std::time::Duration;

/// Maximum time that a case waits for one condition. Only a failing case waits this long.
const DEADLINE: Duration = Duration::from_secs(30);

/// Returns a prefix for names that is unique across cases and runs.
fn unique_prefix() -> String {
    // Not seeded, because two runs against one server must use different names.
    format!("contract-{:010x}", fastrand::u64(..1 << 40))
}

/// Reports that a case is skipped.
///
/// This writes to standard error directly, because the test harness captures the output of
/// `eprintln!` and discards it for cases that pass.
fn report_skipped(scheme: &str, what: &str) {
    use std::io::Write;
    let mut out = std::io::stderr().lock();
    // The write can fail if standard error is closed. This must not fail the case.
    let _ = writeln!(out, "skipped: backend `{scheme}` says it cannot {what}");
}
