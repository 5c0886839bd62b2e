//! Multicast DNS for [micro](https://docs.rs/micro): a [registry](Mdns) of the local network
//! without a server.

#![forbid(unsafe_code)]

mod address;
mod engine;
#[doc(hidden)]
pub mod fuzz;
mod own;
mod packet;
mod registry;
mod socket;
#[cfg(test)]
mod tests;
mod topic;
mod txt;

pub use self::registry::Mdns;
