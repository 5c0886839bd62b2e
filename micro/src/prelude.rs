//! The names that authors of services need: `use micro::prelude::*;`.
//!
//! # Examples
//!
//! ```
//! use micro::prelude::*;
//!
//! #[micro::service]
//! struct Clock;
//!
//! #[micro::service]
//! impl Clock {
//!     #[micro::rpc]
//!     async fn wait(&self, context: Context) -> Result<()> {
//!         match context.remaining() {
//!             Some(left) if left < secs(1) => Err(Error::deadline_exceeded("a second is too long")),
//!             _ => Ok(()),
//!         }
//!     }
//! }
//! ```

pub use futures_core::Stream;

#[cfg(feature = "app")]
pub use crate::app::{App, Stop};
#[cfg(feature = "broker")]
pub use crate::broker::{Broker, Delivery, Publisher};
pub use crate::context::{Caller, Context, millis, secs};
pub use crate::error::{Error, ErrorKind, OrError, Result};
#[cfg(feature = "events")]
pub use crate::events::Events;
pub use crate::handler::{Call, FromApp, Response, Sender, Streaming, stream};
pub use crate::metadata::Metadata;
pub use crate::wrap::Next;
