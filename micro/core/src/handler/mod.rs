//! Handlers: descriptions of services and methods, the values that handlers receive, and the
//! dispatch of calls to them.
//!
//! This module is independent of any network. A protocol creates a [`Call`] and sends the
//! [`Response`].
//!
//! # Examples
//!
//! Everything that the attributes generate can also be written by hand. A service without any
//! attributes but those of its messages:
//!
//! ```
//! use std::sync::Arc;
//!
//! use micro::handler::{Method, MethodInfo, Served, Service, ServiceInfo};
//! use micro::prelude::*;
//! use micro::testing::TestApp;
//!
//! #[micro::message]
//! struct Number {
//!     value: i64,
//! }
//!
//! struct Doubler;
//!
//! impl Service for Doubler {
//!     fn served() -> Vec<Served> {
//!         let double = Method::unary("Double", |_: Arc<Self>, _: Context, number: Number| async move {
//!             Ok(Number { value: number.value * 2 })
//!         });
//!         vec![Served::new(ServiceInfo::new("doubler", "doubler.Doubler")).method(double)]
//!     }
//! }
//!
//! #[tokio::main]
//! async fn main() -> Result<()> {
//!     let app = TestApp::builder().service(Doubler).start().await?;
//!     let double = Arc::new(MethodInfo::new("doubler", "/doubler.Doubler/Double"));
//!     let reply: Number = app.client().call(&double, Number { value: 21 }).await?;
//!     assert_eq!(reply.value, 42);
//!     app.stop().await;
//!     Ok(())
//! }
//! ```

mod call;
mod dispatch;
mod http_rule;
mod info;
mod inject;
mod linked;
mod method;
mod method_error;
mod payload;
mod service;
mod spec;
mod streaming;

pub use crate::access::AccessLog;

pub use self::call::{Body, BoxFuture, Call, Response};
pub use self::dispatch::{Endpoint, Route, Router};
pub use self::http_rule::HttpRule;
pub use self::info::{Kind, Location, MethodInfo, MethodOptions, ServiceInfo};
#[doc(hidden)]
pub use self::info::{is_built_in, service_name};
pub use self::inject::{Construct, FromApp, FromCall, Instance, Parts, Resources};
#[doc(hidden)]
pub use self::linked::sorted_by_key;
pub use self::linked::{LinkedMethods, LinkedService, served};
pub use self::method::Method;
pub use self::method_error::MethodError;
pub use self::payload::{Payload, PayloadRef};
pub use self::service::{Served, Service};
pub use self::spec::{Describe, RequestType, ResponseType};
#[doc(hidden)]
pub use self::spec::{RequestSpec, ResponseSpec, StreamSpec};
pub use self::streaming::{PayloadStream, Sender, StreamItem, StreamMetadata, Streaming, stream};

#[doc(hidden)]
pub use self::streaming::{Batch, EncodeFrame, SharedSink, Source, StreamSink};

#[cfg(feature = "linkme")]
#[doc(hidden)]
pub use self::linked::{LINKED_METHODS, LINKED_SERVICES};
