//! Who serves what, and where: nodes are registered, looked up and watched.
//!
//! [`Registry`] is what users hold; [`Backend`] is what authors of a new place to register
//! implement. Every registration has a ttl and a heartbeat, so a crashed node is gone within its
//! ttl. Does not choose among nodes and does not connect to them.

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
