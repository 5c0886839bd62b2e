//! Annotated Rust services that run, find each other and answer.
//!
//! Annotate plain structs and async functions; macros generate codecs, registration, routing and
//! clients; what is annotated is collected at link time, and `micro::run!()` in `main` starts all
//! of it: gRPC and Connect on one port, discovery on this host and by mDNS, client-side load
//! balancing with failover, graceful stop.
//!
//! ```no_run
//! use micro::prelude::*;
//!
//! #[micro::message]
//! struct HelloRequest {
//!     name: String,
//! }
//!
//! #[micro::message]
//! struct HelloReply {
//!     greeting: String,
//! }
//!
//! #[micro::service]
//! struct Greeter {}
//!
//! #[micro::service]
//! impl Greeter {
//!     /// Says hello.
//!     #[micro::rpc(idempotent)]
//!     async fn hello(&self, request: HelloRequest) -> Result<HelloReply> {
//!         Ok(HelloReply { greeting: format!("Hello {}", request.name) })
//!     }
//! }
//!
//! fn main() {
//!     micro::run!()
//! }
//! ```
//!
//! Another program calls it, with nothing configured on either side:
//! `GreeterClient::connect().await?.hello(request).await?`.
//!
//! # The one trap
//!
//! A crate that no code *names* is not linked, in silence, and its services with it. Name the
//! crates that hold services: `micro::run!(uses = [orders, billing])`, and turn on rustc's lint
//! `unused_crate_dependencies`, which finds what was forgotten. An app with nothing to run refuses
//! to start and says so.
//!
//! # Where to look
//!
//! | you want to | see |
//! |---|---|
//! | define messages | [`message`], [`codec`] |
//! | serve | [`service`], [`rpc`], [`handler`] |
//! | return errors that travel whole | [`macro@error`], [`mod@error`] |
//! | answer plain HTTP, as REST | [`rpc`], [`schema::http`] |
//! | put code around calls | [`macro@wrap`], [`mod@wrap`] |
//! | call | [`client`], [`selector`] |
//! | find nodes | [`registry`] |
//! | keep events and share them | [`events`] |
//! | publish, subscribe | [`broker`] |
//! | run, configure, stop | [`run!`], [`app`] |
//! | write `.proto` files, check what a change breaks | [`schema`] |
//! | test | [`macro@test`], [`testing`] |
//!
//! # Cargo features
//!
//! | feature | default | what it does |
//! |---|---|---|
//! | `gzip`, `zstd` | no | compression of calls, once the setting `compression` names it |
//! | `linkme` | no | collects in the linker instead of by code before `main` |
//! | `uuid` | no | `uuid::Uuid` as a field of messages |

extern crate self as micro;

pub mod error;
pub mod metadata;
mod scheme;
mod wake;
pub mod codec;
pub mod schema;
pub mod types;
pub mod context;
mod driver;
pub mod registry;
pub mod events;
pub mod broker;
pub mod handler;
pub mod selector;
pub mod wrap;
pub mod config;
pub mod client;
pub mod server;
pub mod app;
pub mod prelude;
pub mod testing;

#[doc(hidden)]
pub mod __private;

/// Includes what `micro-build` made in build.rs: the types and services of one package, or
/// without a name all packages, each in a module of its name.
///
/// ```ignore
/// mod shop {
///     micro::include_proto!("shop.v1");
/// }
///
/// mod proto {
///     micro::include_proto!(); // proto::shop::v1
/// }
/// ```
///
/// A package that uses types of others finds them only beside it, in the modules of the second
/// form.
#[macro_export]
macro_rules! include_proto {
    () => {
        ::core::include!(::core::concat!(::core::env!("OUT_DIR"), "/micro-build.rs"));
    };
    ($package:literal) => {
        ::core::include!(::core::concat!(
            ::core::env!("OUT_DIR"),
            "/",
            $package,
            ".rs"
        ));
    };
}

pub use app::{App, Stop};
pub use broker::{Broker, Delivery, Publisher};
pub use client::Client;
pub use context::{Caller, Context};
pub use error::{Error, ErrorKind, OrError, Result};
pub use events::Events;
pub use handler::{Call, FromApp, FromCall, Reply, Streaming};
pub use metadata::Metadata;
pub use micro_macros::{error, every, message, on, rpc, run, service, subscribe, test, wrap};
pub use wrap::{Next, Wrap};
