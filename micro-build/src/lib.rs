//! Code generation for `micro` from `.proto` files, for use in build.rs.
//!
#![doc = include_str!("../README.md")]

mod builtin;
mod config;
mod docs;
mod emit;
mod error;
mod include;
mod names;
mod plan;
mod refuse;
mod source;
mod types;

use std::path::Path;

pub use crate::config::Config;
pub use crate::error::Error;

/// Compiles a `.proto` file with the default settings. Imports are searched in the folder of the
/// file.
///
/// ```no_run
/// // build.rs
/// fn main() -> Result<(), micro_build::Error> {
///     micro_build::compile("proto/shop.proto")
/// }
/// ```
///
/// # Errors
///
/// The same as [`Config::compile`].
pub fn compile(file: impl AsRef<Path>) -> Result<(), Error> {
    Config::new().file(file).compile()
}
