//! Registry for the nodes of one machine, for [micro](https://docs.rs/micro): a [registry](Host) in
//! a directory of the user.

#![forbid(unsafe_code)]

mod changes;
mod clock;
mod dir;
mod exits;
mod file;
mod process;
mod registry;
#[cfg(test)]
mod tests;
mod watcher;

pub use self::registry::Host;
