//! The app: collects what is linked, checks it, runs it, stops it in order.
//!
//! The only module that reads the environment, and only when asked to.

mod hook;

pub use self::hook::{LinkedHook, Moment};

#[cfg(feature = "linkme")]
#[doc(hidden)]
pub use self::hook::LINKED_HOOKS;
