//! Client: calls to services, wherever their nodes are: options, connections, failover.
//!
//! A service is looked up once and then watched; each node has one multiplexed connection, and more
//! only while streams take that up; a call is sent again only where that is safe. Knows nothing of
//! servers.

#![forbid(unsafe_code)]

mod answer;
mod attempt;
mod backoff;
mod budget;
mod clock;
mod config;
mod connection;
mod core;
mod deadline;
mod failure;
mod handle;
mod link;
mod local;
mod nodes;
mod options;
mod request;
pub mod selector;
mod tasks;
mod wide;
#[cfg(test)]
mod tests;

pub use self::answer::Reply;
pub use self::config::Config;
#[doc(hidden)]
pub use self::connection::fuzz;
pub use self::handle::{Builder, Client};
pub use self::request::Request;
