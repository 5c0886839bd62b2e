//! Server: one port, many protocols; limits, health, reflection, draining.
//!
//! Does not register nodes, read settings or handle signals: the app does.

mod calls;
mod config;
mod connect;
mod connection;
mod drain;
mod grpc;
mod headers;
mod health;
mod http;
mod index;
mod inline;
mod io;
mod listener;
mod peer;
mod reflection;
mod reply;
mod sniff;
mod unfold;

pub use self::config::{Config, Limits};
pub use self::drain::{Cut, Drained, Running};
pub use self::health::Health;
pub use self::listener::Server;

#[cfg(test)]
mod tests;
