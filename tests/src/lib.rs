//! Helpers of the tests that cross modules. Not for users of `micro`.
//!
//! Programs are started as processes of their own, in a world of their own: another test's
//! programs, and other programs on the machine, are not found there.

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
