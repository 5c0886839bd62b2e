//! HTTP for [micro](https://docs.rs/micro): a [broker](Http) from peer to peer, found through the
//! registry, without a server of its own.

#![forbid(unsafe_code)]

// The attribute's expansion names `::micro`.
#[cfg(not(test))]
extern crate micro_message as micro;

mod broker;
mod door;
mod driver;
mod flying;
#[doc(hidden)]
pub mod fuzz;
mod gomicro;
mod members;
mod node;
mod roll;
mod service;
mod session;
mod trial;
mod wire;

pub use self::broker::Http;
