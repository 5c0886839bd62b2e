//! Wakers that stand between a task and what it polls.
//!
//! They save polls and detours by the scheduler where a task has to do with itself only. Nothing
//! here runs, spawns or waits.

mod again;
mod bell;
mod task;
mod turn;
#[cfg(test)]
mod wakes;

pub(crate) use self::again::Again;
pub(crate) use self::bell::Bell;
pub(crate) use self::turn::{Turn, unhurried};

#[cfg(test)]
pub(crate) use self::wakes::Wakes;
