//! Helpers for the tests that involve several modules. Not for users of `micro`.
//!
//! Programs are started as separate processes in a world of their own, so they do not find the
//! programs of other tests or of the machine.

mod greeter;
mod http;
mod kinds;
mod place;
mod program;
mod wait;
mod world;

pub use self::greeter::{Answer, Ask, Greeter, GreeterClient, answer};
pub use self::http::{Response, http};
pub use self::kinds::{Kinds, KindsClient, Number};
pub use self::place::workspace;
pub use self::program::Program;
pub use self::wait::{DEADLINE, until, until_async};
pub use self::world::World;

#[cfg(doctest)]
mod docs;
