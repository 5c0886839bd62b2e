//! Messages of [micro](https://docs.rs/micro): their definition, their encodings and their errors.
//!
//! A crate that only defines messages needs nothing else: no runtime, no network. Programs depend
//! on `micro`, which re-exports everything here.
//!
//! - [`codec`]: encodes and decodes values, protobuf and JSON from one definition.
//! - [`error`]: the error type and its kinds.
//! - [`metadata`]: key-value pairs that are sent with a message.
//! - [`types`]: protobuf's well-known messages that have no type in the standard library.

#![forbid(unsafe_code)]

// The attribute's expansion names `::micro`, which inside this crate is the crate itself.
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
