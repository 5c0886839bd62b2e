//! The registry: nodes are registered, looked up and watched.
//!
//! [`Registry`] is the handle that users hold. Authors of a registry backend implement [`Backend`].
//! Every registration has a ttl and a heartbeat, so a crashed node disappears within its ttl. The
//! registry does not select nodes and does not connect to them.
//!
//! # Examples
//!
//! ```
//! use std::time::Duration;
//!
//! use micro::registry::{Node, Registry};
//!
//! #[tokio::main]
//! async fn main() -> micro::Result<()> {
//!     let registry = Registry::open("memory://")?; // `host+mdns` unless settings say otherwise.
//!     let node = Node::new("greeter", "greeter-1", "127.0.0.1:8080").with_version("1.2.0");
//!     // Heartbeats keep it registered until the guard is dropped.
//!     let registration = registry.register(node, Duration::from_secs(15)).await?;
//!
//!     let mut watch = registry.watch("greeter").await?;
//!     let change = watch.next().await.expect("the list as it is now");
//!     assert_eq!(change.nodes.len(), 1);
//!     registration.deregister().await
//! }
//! ```

#[cfg(feature = "host")]
#[doc(inline)]
pub use micro_host::Host;
#[cfg(feature = "mdns")]
#[doc(inline)]
pub use micro_mdns::Mdns;
#[doc(inline)]
pub use micro_registry::*;
