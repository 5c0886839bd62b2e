//! Waker adapters, a future that several tasks can poll, and locks.
//!
//! The waker adapters avoid needless polls, and detours through the scheduler where the work can be
//! done in the current poll. This crate spawns no tasks. It blocks a thread only on short locks.
//!
//! | type | use |
//! |---|---|
//! | [`Repoller`] | polls a future again at once when the future wakes itself during a poll |
//! | [`WakeFlag`] | skips polls of a future that has not been woken since it was pending |
//! | `ByteBudget` | limits the bytes that are held at once; further holders wait in a queue |
//! | [`SharedFuture`] | a future that one task owns and that other tasks can poll as well |
//! | `TimeSlice` | limits how long work that is always ready occupies its thread |
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

mod budget;
mod platform;
mod repoller;
mod shared;
pub mod sync;
#[cfg(not(loom))]
mod time_slice;
#[cfg(test)]
#[cfg(not(loom))]
mod wake_counter;
mod wake_flag;
mod wake_state;

pub use self::budget::{ByteBudget, Claim, Full, Held, Total};
pub use self::repoller::Repoller;
pub use self::shared::{FutureOwner, SharedFuture, share};
#[cfg(not(loom))]
pub use self::time_slice::{TimeSlice, poll_unconstrained};
pub use self::wake_flag::WakeFlag;
