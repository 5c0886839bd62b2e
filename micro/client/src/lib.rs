//! Client for calling services: node lookup, connections, call options and failover.
//!
//! The client looks up a service on its first call and then watches the registry for changes. It
//! keeps one multiplexed HTTP/2 connection to each node, and opens more only while long-lived
//! streams occupy the first. It retries a call only if that is safe: if no handler can have run, or
//! if the method is idempotent. This crate contains no server code.
//!
//! # Examples
//!
//! Set the options of a call before awaiting it:
//!
//! ```no_run
//! use micro::prelude::*;
//! use micro::selector::Strategy;
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
//! #[micro::service(package = "greeter")]
//! trait Greeter {
//!     #[micro::rpc(idempotent)]
//!     async fn hello(&self, request: HelloRequest) -> Result<HelloReply>;
//! }
//!
//! #[tokio::main]
//! async fn main() -> Result<()> {
//!     let greeter = GreeterClient::connect().await?;
//!     let reply = greeter
//!         .hello(HelloRequest { name: "Ada".into() })
//!         .timeout(millis(500))
//!         .metadata("tenant", "acme")
//!         .version("1.2")
//!         .strategy(Strategy::RoundRobin)
//!         .send()
//!         .await?;
//!     println!("{}", reply.message.greeting);
//!     Ok(())
//! }
//! ```

#![forbid(unsafe_code)]

mod response;
mod attempt;
mod backoff;
#[cfg(feature = "tower")]
mod channel;
mod retry_budget;
mod stream_timer;
mod config;
mod connection;
mod client_state;
mod deadline;
mod failure;
mod handle;
mod node_connection;
mod local;
mod nodes;
mod options;
mod request;
pub mod selector;
mod tasks;
mod overflow_pool;
#[cfg(test)]
mod tests;

#[cfg(feature = "tower")]
pub use self::channel::{Channel, ChannelBody};
pub use self::config::Config;
#[doc(hidden)]
pub use self::connection::fuzz;
pub use self::handle::{Builder, Client};
pub use self::request::Request;
pub use self::response::Response;
