//! Who serves what, and where: nodes are registered, looked up and watched.
//!
//! [`Registry`] is what users hold; [`Backend`] is what authors of a new place to register
//! implement. Every registration has a ttl and a heartbeat, so a crashed node is gone within its
//! ttl. Does not choose among nodes and does not connect to them.

mod backend;
#[cfg(test)]
mod contract;
mod fixed;
mod handle;
mod host;
mod mdns;
mod memory;
mod record;
mod registration;
mod union;
mod url;
mod watch;

pub use backend::{Backend, Capabilities};
pub use fixed::Fixed;
pub use handle::Registry;
pub use host::Host;
pub use mdns::Mdns;
#[doc(hidden)]
pub use mdns::fuzz;
pub use memory::Memory;
pub use record::{Change, Node};
pub use registration::Registration;
#[cfg(feature = "linkme")]
#[doc(hidden)]
pub use url::REGISTRY_SCHEMES;
pub use url::Scheme;
pub use watch::{Watch, WatchSender};
