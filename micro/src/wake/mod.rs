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
#[cfg(test)]
mod wakes;

pub(crate) use self::again::Again;
pub(crate) use self::bell::Bell;
pub(crate) use self::common::{Common, Owner, common};
pub(crate) use self::turn::{Turn, unhurried};

#[cfg(test)]
pub(crate) use self::wakes::Wakes;
