//! Who serves what, and where: nodes are registered, looked up and watched.
//!
//! [`Registry`] is what users hold; [`Backend`] is what authors of a new place to register
//! implement. Every registration has a ttl and a heartbeat, so a crashed node is gone within its
//! ttl. Does not choose among nodes and does not connect to them.

#[cfg(feature = "host")]
#[doc(inline)]
pub use micro_host::Host;
#[cfg(feature = "mdns")]
#[doc(inline)]
pub use micro_mdns::Mdns;
#[doc(inline)]
pub use micro_registry::*;
