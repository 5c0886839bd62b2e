//! Annotated Rust services that run, find each other and answer.

extern crate self as micro;

pub mod error;
pub mod metadata;
pub mod codec;
pub mod schema;
pub mod context;
pub mod registry;
pub mod handler;
pub mod selector;
pub mod wrap;
pub mod config;
pub mod client;
pub mod server;
pub mod app;

#[doc(hidden)]
pub mod __private;

pub use context::{Caller, Context};
pub use error::{Error, ErrorKind, OrError, Result};
pub use handler::{Call, FromApp, FromCall, Reply};
pub use metadata::Metadata;
pub use micro_macros::{message, on, rpc, run, service, test, wrap};
pub use wrap::{Next, Wrap};
