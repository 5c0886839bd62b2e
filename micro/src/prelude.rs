//! The names a service author needs: `use micro::prelude::*;`.

pub use futures_core::Stream;

#[cfg(feature = "app")]
pub use crate::app::{App, Stop};
#[cfg(feature = "broker")]
pub use crate::broker::{Broker, Delivery, Publisher};
pub use crate::context::{Caller, Context, millis, secs};
pub use crate::error::{Error, ErrorKind, OrError, Result};
#[cfg(feature = "events")]
pub use crate::events::Events;
pub use crate::handler::{Call, FromApp, Reply, Sender, Streaming, stream};
pub use crate::metadata::Metadata;
pub use crate::wrap::Next;
