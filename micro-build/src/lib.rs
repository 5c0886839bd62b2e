//! Messages and services of `micro` out of `.proto` files, for build.rs.
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

/// Compiles a `.proto` file with all defaults; its folder is where imports are looked for.
///
/// # Errors
///
/// As [`Config::compile`].
pub fn compile(file: impl AsRef<Path>) -> Result<(), Error> {
    Config::new().file(file).compile()
}
