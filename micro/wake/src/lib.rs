//! Wakers between a task and what it polls, a future that several tasks poll, and locks.
//!
//! The wakers save polls, and detours through the scheduler, where the work can be done in the
//! current poll. Nothing here spawns a task or blocks a thread on anything but a short lock.
//!
//! | type | use |
//! |---|---|
//! | [`Again`] | polls a future again at once when it wakes itself while it is polled |
//! | [`Bell`] | skips polls of a future that has not been woken since it was pending |
//! | `Budget` | how many bytes may be held at once; what is beyond it waits in line |
//! | [`Common`] | a future that belongs to one task, and that other tasks may poll as well |
//! | `Turn` | limits how long work that is always ready keeps its thread |
//! | [`sync`] | locks that ignore poison |
//!
//! This is a crate of micro's runtime. Semver does not cover it.
//!
//! # Models
//!
//! `tests/loom.rs` runs the state machines through every interleaving that [loom] tells apart, with
//! a limit on preemptions where a model says `bounded`:
//!
//! ```text
//! RUSTFLAGS='--cfg loom' cargo test -p micro-wake --release --test loom
//! ```
//!
//! Under `--cfg loom` the crate has neither tokio nor a clock: the module `platform` holds what a
//! model replaces.
//!
//! [loom]: https://docs.rs/loom

#![forbid(unsafe_code)]

mod again;
mod bell;
#[cfg(not(loom))]
mod budget;
mod common;
mod platform;
mod signal;
pub mod sync;
#[cfg(not(loom))]
mod turn;
#[cfg(test)]
#[cfg(not(loom))]
mod wakes;

pub use self::again::Again;
pub use self::bell::Bell;
#[cfg(not(loom))]
pub use self::budget::{Budget, Claim, Full, Held, Total};
pub use self::common::{Common, Owner, common};
#[cfg(not(loom))]
pub use self::turn::{Turn, unhurried};
