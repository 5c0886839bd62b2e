//! Server: one port, many protocols; limits, health, reflection, draining.
//!
//! Does not register nodes, read settings or handle signals: the app does.

mod calls;
mod config;
mod connect;
mod connection;
mod cors;
mod drain;
mod exchange;
mod frames;
mod grpc;
mod headers;
mod health;
mod http;
mod idle;
mod index;
mod inline;
mod io;
mod listener;
mod messages;
mod peer;
mod reflection;
mod reply;
mod requests;
mod rest;
mod sniff;
mod sse;
mod writer;

pub use self::config::{Config, Limits, Replies};
pub use self::cors::Cors;
pub use self::drain::{Cut, Drained, Running};
pub use self::health::Health;
pub use self::listener::Server;
pub use self::rest::check_http;

#[cfg(test)]
mod tests;
