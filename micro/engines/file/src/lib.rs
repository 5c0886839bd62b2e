//! File-based backends for [micro](https://docs.rs/micro): an embedded [event log](File).

#![forbid(unsafe_code)]

mod crc;
mod disk;
mod events;
mod frame;
mod frames;
#[doc(hidden)]
pub mod fuzz;
mod group;
mod lock;
mod names;
mod queue;
mod segment;
#[cfg(test)]
mod tests;
mod topic;
mod worker;
mod writer;

pub use self::events::{Config, File, Fsync};
