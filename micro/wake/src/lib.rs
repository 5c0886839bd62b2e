//! Waker adapters, a future that several tasks can poll, and locks.
//!
//! The waker adapters avoid needless polls, and detours through the scheduler where the work can be
//! done in the current poll. This crate spawns no tasks. It blocks a thread only on short locks.
//!
//! | type | use |
//! |---|---|
//! | [`Again`] | polls a future again at once when the future wakes itself during a poll |
//! | [`Bell`] | skips polls of a future that has not been woken since it was pending |
//! | `Budget` | limits the bytes that are held at once; further holders wait in a queue |
//! | [`Common`] | a future that one task owns and that other tasks can poll as well |
//! | `Turn` | limits how long work that is always ready occupies its thread |
//! | [`sync`] | locks that ignore poisoning |
//!
//! This is a crate of micro's runtime. Semver does not cover it.
//!
//! # Models
//!
//! `tests/loom.rs` runs the state machines through every interleaving that [loom] distinguishes. A
//! model that uses `bounded` limits the number of preemptions:
//!
//! ```text
//! RUSTFLAGS='--cfg loom' cargo test -p micro-wake --release --test loom
//! ```
//!
//! Under `--cfg loom` the crate uses neither tokio nor a clock. The module `platform` contains
//! everything that a model replaces.
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
