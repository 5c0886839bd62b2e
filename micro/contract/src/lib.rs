#![doc = include_str!("../README.md")]
//!
//! # Use
//!
//! Add the crate as a dev-dependency and call one macro per subsystem in a test file:
//! [`registry!`], [`broker!`] or [`events!`]. The macro takes the name of the module that it makes
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
//! The expression is evaluated once per case, inside a module that imports all names of the module
//! around it. It must be an async closure, or a closure that returns a future. What the expression
//! makes before the closure lives until the case ends, so each case can have a directory of its
//! own:
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
//! These arguments may stand between the name and the expression, in any order:
//!
//! | argument | effect |
//! |---|---|
//! | `ignore = "needs nats"` | ignores every case with this reason; `cargo test -- --ignored` runs them |
//! | `start_paused = true` | runs every case with tokio's clock paused; for backends without I/O |
//! | `worker_threads = 2` | runs every case on so many threads; on the thread of the test unless set |
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
//! Each case is also a public async function, for example
//! [`events::a_key_is_served_in_order`], which takes the `World` of its suite. The macros do
//! nothing else than to call it within a tokio runtime, so a backend's crate needs neither `tokio`
//! nor its attributes.
//!
//! # Worlds
//!
//! A case gets a world of its own: [`registry::World`], [`broker::World`] or [`events::World`].
//! The names of topics, groups and services in a case begin with a random prefix. Cases may
//! therefore run in parallel against one shared server, and a server that has run the suite before
//! does not disturb the next run. Topics and groups stay behind on such a server.
//!
//! # Capabilities
//!
//! A backend says what it can do in its `Capabilities`. A case that needs a capability which the
//! backend does not claim is skipped: it passes, and writes one line to standard error, for example
//! `skipped: backend `mine` says it cannot trim topics`. A capability that the backend claims is
//! always tested where a test in one process can do so. The suites do not test that
//! `events::Capabilities::atomic` holds when a process is killed, nor that
//! `broker::Capabilities::remote` reaches another process unless the world's handles are
//! connections of their own. An operation that the backend says it cannot do must fail with
//! `ErrorKind::Unimplemented`; the case `what_it_cannot_is_unimplemented` of each suite checks it.
//!
//! # Waiting
//!
//! Cases wait for conditions, for at most 30 seconds each; a slow machine makes no case fail.
//! "Nothing more comes" is tested by a marker that is published or appended afterwards and that
//! must be the next thing to come. Where time itself is the subject (a ttl, an `ack_wait`), a case
//! asserts only that something does not happen too early.

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

/// How long a case waits for one condition. Only a failing case waits this long.
const DEADLINE: Duration = Duration::from_secs(30);

/// A prefix of names that no other case has, in this run or in others.
fn unique_prefix() -> String {
    // Not seeded: two runs against one server must differ.
    format!("contract-{:010x}", fastrand::u64(..1 << 40))
}

/// Reports that a case is skipped.
///
/// Written to standard error directly, because the test harness captures what `eprintln!` writes
/// and shows nothing of a case that passes.
fn report_skipped(scheme: &str, what: &str) {
    use std::io::Write;
    let mut out = std::io::stderr().lock();
    // A closed standard error must not fail the case.
    let _ = writeln!(out, "skipped: backend `{scheme}` says it cannot {what}");
}
