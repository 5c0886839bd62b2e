//! The core of [micro](https://docs.rs/micro): calls, handlers and the code that runs around them.
//! This crate does not depend on any network or protocol.
//!
//! Programs depend on `micro`, which re-exports all of this. Authors of backends may depend on this
//! crate alone.

#![forbid(unsafe_code)]

// The attributes expand to paths in `::micro`. In this crate, messages only need the crate below.
#[cfg(not(test))]
extern crate micro_message as micro;

mod access;
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

#[cfg(any(test, feature = "test-util"))]
#[doc(hidden)]
pub mod test_util;
