//! Messages of [micro](https://docs.rs/micro): what they are, how they are written, how they fail.
//!
//! A crate that only defines messages needs nothing else: no runtime, no network. Programs depend
//! on `micro`, which re-exports all of this.
//!
//! - [`codec`]: bytes to values and back, protobuf and JSON from one definition.
//! - [`error`]: the one error type and its kinds.
//! - [`metadata`]: what travels beside a message.
//! - [`types`]: protobuf's well-known messages that the standard library has no type for.

#![forbid(unsafe_code)]

// The attribute's expansion names `::micro`, which is this crate when it is used in here.
extern crate self as micro;

pub mod error;
pub mod metadata;
pub mod codec;
pub mod types;
mod sort;

#[doc(hidden)]
pub mod __private;
#[doc(hidden)]
pub mod internal;

pub use micro_macros::message;
