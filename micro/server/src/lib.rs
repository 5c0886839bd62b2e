//! The server: gRPC, gRPC-Web, Connect, server-sent events and REST on one port, with limits,
//! health, reflection and graceful drain.
//!
//! The server does not register nodes, read settings or handle signals. The app does.
//!
//! | protocol | recognized by | calls |
//! |---|---|---|
//! | gRPC | `content-type: application/grpc[+proto,+json]`, HTTP/2 | all four kinds |
//! | gRPC-Web | `application/grpc-web[-text][+proto,+json]` | unary, server streams |
//! | Connect | `application/json`, `application/proto` | unary; GET where `idempotent` or `safe` |
//! | | `application/connect+json`, `+proto` | streams of every kind |
//! | events | `accept: text/event-stream`, JSON by POST or in a query | server streams |
//! | REST (cargo feature `rest`) | the paths of `http` | unary, server streams |
//!
//! Server-sent events work with `EventSource` and `curl -N`. Each message is sent as `data: {…}`, a
//! failure as `event: error` with Connect's JSON form of an error, and the end of a successful
//! stream as `event: end`. The server sends a comment after every 15 seconds without a message. The
//! `error` and `end` events have the id `end`. A browser reconnects with `Last-Event-ID: end` after
//! such an event; the server responds with 204, which stops the browser from reconnecting.
//!
//! # Streams
//!
//! Flow control works in both directions.
//!
//! A handler does not run ahead of a slow client. The server sends the messages that are ready in
//! pieces of at most 16 KiB (or one message, if it is longer) and polls the handler again once a
//! piece has been taken. Besides the bytes that the client's flow-control windows allow, at most 1
//! MiB per stream, the handler is at most two pieces ahead. A stream that always has a message
//! ready yields to the other streams of its connection every millisecond.
//!
//! A client does not run ahead of a slow handler. The server reads a message only when the handler
//! asks for it. HTTP/2's flow-control windows buffer at most 512 KiB per stream and 32 MiB per
//! connection; the server also buffers one message that is not yet complete. All calls of a
//! connection share the 32 MiB, so a client with many slow handlers should open several
//! connections. HTTP/2 closes a connection on which 65,536 frames of less than 256 bytes are
//! unread.
//!
//! A stream ends at its deadline, even if the client does not read; after
//! [`Limits::stream_idle_timeout`] without a message, if that limit is set; when the client
//! disconnects; and with `Unavailable` at the end of a drain.
//!
//! # Messages
//!
//! A request message may have at most [`Limits::max_message_size`] bytes after decompression. The
//! `max_message_size` of a method overrides this limit and also applies to the method's responses.
//! Requests may be compressed with any algorithm that is compiled in (features `gzip`, `zstd`). The
//! server compresses responses when [`Config::compression`] is set and the client accepts the
//! algorithm.
//!
//! # Examples
//!
//! An app starts its own server. To start one by hand:
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

mod activity;
mod body;
mod buffers;
mod call_context;
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
#[cfg(feature = "tower")]
mod mounts;
#[cfg(not(feature = "tower"))]
#[path = "mounts/off.rs"]
mod mounts;
mod pages;
#[cfg(feature = "reflection")]
mod reflection;
#[cfg(not(feature = "reflection"))]
#[path = "reflection/off.rs"]
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
mod slow_methods;
mod socket;
mod sse;
mod state;
mod stream_deadline;
mod timeouts;

pub use self::config::{Config, Limits, ResponseCompression};
pub use self::cors::Cors;
pub use self::drain::{DrainReport, Running};
pub use self::health::{Health, HealthWatch};
pub use self::listener::{Builder, Server};
#[cfg(feature = "tower")]
pub use self::mounts::{HttpService, Mounts, OriginalUri, RequestBody};
pub use self::reflection::check_reflection;
pub use self::rest::check_http;
pub use self::state::AbortedCall;

#[cfg(test)]
mod tests;
