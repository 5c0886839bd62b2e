//! HTTP for [micro](https://docs.rs/micro): a [broker](Http) from peer to peer, found through the
//! registry, without a server of its own.

#![forbid(unsafe_code)]

// The attribute's expansion names `::micro`.
#[cfg(not(test))]
extern crate micro_message as micro;

mod broker;
mod driver;
#[doc(hidden)]
pub mod fuzz;
mod go_micro;
mod ingress;
mod link;
mod members;
mod node;
mod roster;
mod service;
mod session;
mod trial;
mod wire;

pub use self::broker::Http;
