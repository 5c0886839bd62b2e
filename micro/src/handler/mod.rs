//! Handlers: what the macros describe (services, methods), what they are given, how a call
//! reaches them.
//!
//! Does not know networks: a protocol makes a [`Call`] and sends the [`Reply`].

mod call;
mod dispatch;
mod fails;
mod info;
mod inject;
mod linked;
mod method;
mod payload;
mod schema;
mod service;
mod streaming;
mod subscriber;

pub use crate::schema::http::HttpRule;

pub use self::call::{Body, BoxFuture, Call, Reply};
pub use self::dispatch::{Endpoint, Route, Router};
pub use self::fails::MethodError;
pub use self::info::{Kind, Location, MethodInfo, ServiceInfo};
pub use self::inject::{Construct, FromApp, FromCall, Instance, Parts, Resources};
pub use self::linked::{LinkedMethods, LinkedService, served};
pub use self::method::{Describe, Method};
pub use self::payload::{Payload, PayloadRef};
pub use self::service::{Served, Service};
pub use self::streaming::{PayloadStream, Sender, StreamItem, StreamMetadata, Streaming, stream};
pub use self::subscriber::{Durable, EventParts, EventPayload, LinkedSubscribers, Subscriber};

pub(crate) use self::linked::collector;
pub(crate) use self::schema::{Described, collect_types, is_own};
pub(crate) use self::streaming::{Batch, Frame, SharedSink, Source, lock};
pub(crate) use self::subscriber::{Listener, Surround};

#[cfg(feature = "linkme")]
#[doc(hidden)]
pub use self::linked::{LINKED_METHODS, LINKED_SERVICES};
#[cfg(feature = "linkme")]
#[doc(hidden)]
pub use self::subscriber::LINKED_SUBSCRIBERS;
