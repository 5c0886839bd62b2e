//! Server: one port, many protocols; limits, health, reflection, draining.
//!
//! Does not register nodes, read settings or handle signals: the app does.
//!
//! | protocol | recognized by | calls |
//! |---|---|---|
//! | gRPC | `content-type: application/grpc[+proto,+json]`, HTTP/2 | all four kinds |
//! | gRPC-Web | `application/grpc-web[-text][+proto,+json]` | unary, server streams |
//! | Connect | `application/json`, `application/proto` | unary; GET where `idempotent` or `safe` |
//! | | `application/connect+json`, `+proto` | streams of every kind |
//! | events | `content_negotiation: text/event-stream`, JSON by POST or in a query | server streams |
//! | REST (cargo feature `rest`) | the paths of `http` | unary, server streams |
//!
//! Events, for `EventSource` and `curl -N`, are `data: {…}` for each message, `event: error` with
//! Connect's JSON of an error, `event: end` at a good end, and a comment every 15 seconds of
//! silence. Either of these two has the id `end`; a request with `Last-Event-ID: end`, by which a
//! browser comes back by itself, is answered with 204, which keeps it away.
//!
//! # Streams
//!
//! A reader that stops stops its handler: messages that are ready leave in pieces of at most
//! 16 KiB (or one message), and a handler is asked for more when a piece has been taken. Beside
//! what the reader's windows let through, at most 1 MiB a stream, it is at most two pieces ahead.
//! A stream that is always ready lets the others of its connection have their turn every
//! millisecond.
//! A handler that stops stops its caller: nothing is read that it has not asked for, so at most
//! 512 KiB a stream and 32 MiB a connection wait in HTTP/2's windows, and one message that is not
//! yet whole. Calls of one connection share these 32 MiB: a caller of many slow handlers opens
//! several. HTTP/2 closes a connection on which 65,536 frames of less than 256 bytes are unread.
//!
//! A stream ends with its deadline, also when nobody reads it; after
//! [`Limits::stream_idle_timeout`] without a message, if that is set; when its caller goes; and at
//! the end of a drain, with `Unavailable`.
//!
//! # Messages
//!
//! The longest message is [`Limits::max_message_size`], or what the method says with
//! `max_message_size`, in both directions and decompressed. Requests may come compressed with what
//! is compiled in (features `gzip`, `zstd`); replies are compressed when [`Config::compression`]
//! says so and the caller accepts it.
//!
//! # Examples
//!
//! An app has a server of its own. By hand:
//!
//! ```
//! use micro::handler::Router;
//! use micro::prelude::*;
//! use micro::server::{Config, Server};
//!
//! #[tokio::main]
//! async fn main() -> Result<()> {
//!     let router = Router::new(); // Filled with `Router::add`; an app fills it with its services.
//!     let server = Server::bind(Config::new("127.0.0.1:0"), router).await?;
//!     println!("listening on {}", server.local_address());
//!     let running = server.start();
//!     running.drain(secs(1)).await;
//!     Ok(())
//! }
//! ```

#![forbid(unsafe_code)]

// The attribute's expansion names `::micro`.
#[cfg(not(test))]
extern crate micro_message as micro;

mod body;
mod buffers;
mod cancelled;
mod config;
mod connect;
mod connection;
mod content_negotiation;
mod cors;
mod drain;
mod error_json;
mod failure;
#[doc(hidden)]
pub mod fuzz;
mod go_micro;
mod grpc;
mod health;
mod http;
mod http1;
mod index;
mod inline;
mod json_stream;
mod listener;
#[cfg(feature = "openapi")]
mod openapi;
#[cfg(not(feature = "openapi"))]
#[path = "openapi/off.rs"]
mod openapi;
mod pages;
#[cfg(feature = "reflection")]
mod reflection;
mod request_body;
mod request_stream;
mod response_stream;
#[cfg(feature = "rest")]
mod rest;
#[cfg(not(feature = "rest"))]
#[path = "rest/off.rs"]
mod rest;
mod server_call;
mod socket;
mod sse;
mod state;
mod stream_deadline;
mod timeouts;

pub use self::config::{Config, Limits, ResponseCompression};
pub use self::cors::Cors;
pub use self::drain::{DrainReport, Running};
pub use self::health::Health;
pub use self::listener::Server;
pub use self::rest::check_http;
pub use self::state::AbortedCall;

#[cfg(test)]
mod tests;
