//! HTTP [broker](Http) for [micro](https://docs.rs/micro): processes send events directly to each
//! other and find each other through the registry, without a separate server.

#![forbid(unsafe_code)]

// The expansion of the attribute refers to `::micro`.
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
