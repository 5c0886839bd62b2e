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
//! Everything that works with nothing installed is on by default. A program that needs less takes
//! `default-features = false` and names what it needs; without any feature there are messages,
//! errors, and services as contracts, and nothing that opens a socket.
//!
//! | feature | default | what it does |
//! |---|---|---|
//! | `client` | yes | calls: generated clients, discovery, balancing, failover |
//! | `server` | yes | serves: gRPC, gRPC-Web and Connect on one port; brings `app` |
//! | `app` | yes | [`run!`], [`App`]: settings, injection, hooks, periodic work, graceful stop |
//! | `rest` | yes | methods as plain HTTP, by `google.api.http` |
//! | `openapi` | yes | `/openapi.json` and a page at `/openapi` |
//! | `reflection` | yes | gRPC's reflection, so that clients need no `.proto` file |
//! | `schema` | yes | [`mod@schema`]: `.proto` files out of what is linked, and what a change breaks |
//! | `broker` | yes | topics: `#[micro::subscribe]`, [`Publisher`] |
//! | `events` | yes | durable streams |
//! | `host` | yes | the registry of this machine |
//! | `mdns` | yes | the registry of the local network, by multicast DNS |
//! | `http` | yes | the broker from peer to peer |
//! | `file` | yes | durable streams in files |
//! | `gzip`, `zstd` | no | compression of calls, once the setting `compression` names it |
//! | `linkme` | no | collects in the linker instead of by code before `main` |
//! | `uuid` | no | `uuid::Uuid` as a field of messages |

extern crate self as micro;

#[cfg(feature = "app")]
pub mod app;
#[cfg(feature = "broker")]
pub mod broker;
pub mod codec;
#[cfg(feature = "_settings")]
pub mod config;
#[cfg(feature = "client")]
mod connect;
mod engines;
#[cfg(feature = "events")]
pub mod events;
pub mod prelude;
#[cfg(feature = "_registry")]
pub mod registry;
#[cfg(feature = "_settings")]
pub mod settings;
#[cfg(feature = "app")]
pub mod testing;

#[doc(hidden)]
pub mod __private;

#[cfg(feature = "client")]
#[doc(inline)]
pub use micro_client as client;
#[cfg(feature = "client")]
#[doc(inline)]
pub use micro_client::selector;
#[doc(inline)]
pub use micro_core::{context, handler, wrap};
#[doc(inline)]
pub use micro_message::{error, metadata, types};
#[cfg(feature = "schema")]
#[doc(inline)]
pub use micro_schema as schema;
#[cfg(feature = "server")]
#[doc(inline)]
pub use micro_server as server;

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

#[cfg(feature = "app")]
pub use app::{App, Stop};
#[cfg(feature = "broker")]
pub use broker::{Broker, Delivery, Publisher};
#[cfg(feature = "client")]
pub use client::Client;
pub use context::{Caller, Context};
pub use error::{Error, ErrorKind, OrError, Result};
#[cfg(feature = "events")]
pub use events::Events;
pub use handler::{Call, FromApp, FromCall, Reply, Streaming};
pub use metadata::Metadata;
#[cfg(feature = "broker")]
pub use micro_broker::broker_scheme;
#[cfg(feature = "events")]
pub use micro_events::events_scheme;
#[cfg(feature = "broker")]
pub use micro_macros::subscribe;
pub use micro_macros::{error, message, rpc, service, wrap};
#[cfg(feature = "app")]
pub use micro_macros::{every, on, run, test};
#[cfg(feature = "_registry")]
pub use micro_registry::registry_scheme;
pub use wrap::{Next, Wrap};
