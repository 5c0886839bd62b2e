//! Wakers that stand between a task and what it polls, and what is polled by more than one.
//!
//! They save polls and detours by the scheduler where what is to be done can be done here and now.
//! Nothing here runs, spawns or waits.

mod again;
mod bell;
mod common;
mod signal;
mod task;
mod turn;
#[doc(hidden)]
pub mod wakes;

pub use self::again::Again;
pub use self::bell::Bell;
pub use self::common::{Common, Owner, common};
pub use self::turn::{Turn, unhurried};
