//! Service registration and discovery: nodes are registered, looked up and watched.
//!
//! [`Registry`] is the handle that programs use. [`Backend`] is the trait that the author of a new
//! registry implements. Every registration has a ttl and a heartbeat, so the record of a crashed
//! node disappears within its ttl. This crate does not select nodes and does not connect to them.

#![forbid(unsafe_code)]

#[doc(hidden)]
pub use micro_core::__private;

mod backend;
mod handle;
#[doc(hidden)]
pub mod internal;
mod limited;
mod memory;
mod record;
mod registration;
mod static_nodes;
mod union;
mod url;
mod watch;

pub use backend::{Backend, Capabilities};
pub use handle::Registry;
pub use memory::Memory;
pub use record::{Change, Node};
pub use registration::Registration;
pub use static_nodes::Static;
#[cfg(feature = "linkme")]
#[doc(hidden)]
pub use url::REGISTRY_SCHEMES;
pub use url::Scheme;
pub use watch::{Watch, WatchSender};
