//! Handlers: what the macros describe (services, methods), what they are given, how a call
//! reaches them.
//!
//! Does not know networks: a protocol makes a [`Call`] and sends the [`Reply`].

mod call;
mod dispatch;
mod fails;
mod http_rule;
mod info;
mod inject;
mod linked;
mod method;
mod payload;
mod service;
mod spec;
mod streaming;

pub use self::call::{Body, BoxFuture, Call, Reply};
pub use self::dispatch::{Endpoint, Route, Router};
pub use self::fails::MethodError;
pub use self::http_rule::HttpRule;
#[doc(hidden)]
pub use self::info::is_own;
pub use self::info::{Kind, Location, MethodInfo, MethodOptions, ServiceInfo};
pub use self::inject::{Construct, FromApp, FromCall, Instance, Parts, Resources};
#[doc(hidden)]
pub use self::linked::sorted_by_key;
pub use self::linked::{LinkedMethods, LinkedService, served};
pub use self::method::Method;
pub use self::payload::{Payload, PayloadRef};
pub use self::service::{Served, Service};
pub use self::spec::{Describe, RequestType, ResponseType};
#[doc(hidden)]
pub use self::spec::{RequestSpec, ResponseSpec, StreamSpec};
pub use self::streaming::{PayloadStream, Sender, StreamItem, StreamMetadata, Streaming, stream};

#[doc(hidden)]
pub use self::streaming::{Batch, Frame, Out, SharedSink, Source};

#[cfg(feature = "linkme")]
#[doc(hidden)]
pub use self::linked::{LINKED_METHODS, LINKED_SERVICES};
