//! Annotated Rust services that run, find each other and answer.

pub mod error;
pub mod metadata;
pub mod codec;
pub mod schema;
pub mod context;
pub mod registry;

pub use error::{Error, ErrorKind, OrError, Result};
pub use metadata::Metadata;
pub use context::{Caller, Context};
