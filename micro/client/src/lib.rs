//! Client: calls to services, wherever their nodes are: options, connections, failover.
//!
//! A service is looked up once and then watched; each node has one multiplexed connection, and more
//! only while streams take that up; a call is sent again only where that is safe. Knows nothing of
//! servers.
//!
//! # Examples
//!
//! A call takes its options before it is awaited:
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

pub use self::config::Config;
#[doc(hidden)]
pub use self::connection::fuzz;
pub use self::handle::{Builder, Client};
pub use self::request::Request;
pub use self::response::Response;
