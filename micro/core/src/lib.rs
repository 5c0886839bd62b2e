//! The core of [micro](https://docs.rs/micro): what a call carries, what handlers are given, and
//! the code around them. Knows no network.
//!
//! Programs depend on `micro`, which re-exports all of this; authors of backends may depend on
//! this crate alone.

#![forbid(unsafe_code)]

// The attributes' expansions name `::micro`; messages in here stand on the crate below.
#[cfg(not(test))]
extern crate micro_message as micro;

pub mod scheme;
pub mod context;
mod guard;
mod task;
pub mod handler;
pub mod wrap;

#[doc(hidden)]
pub mod __private;
#[doc(hidden)]
pub mod internal;
