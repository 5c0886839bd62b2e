//! All names that generated code uses. Not part of the public API: they may change in any release.

mod call;
mod check;
#[cfg(feature = "client")]
mod client;
pub mod error;
mod stream;

pub use futures_core::Stream;

#[cfg(all(feature = "app", feature = "linkme"))]
pub use crate::app::{LINKED_EVERYS, LINKED_HOOKS};
#[cfg(feature = "app")]
pub use crate::app::{LinkedEvery, LinkedHook, Phase, Program, print_help_if_asked, run, run_with};
#[cfg(all(feature = "broker", feature = "linkme"))]
pub use crate::broker::LINKED_SUBSCRIBERS;
#[cfg(feature = "broker")]
pub use crate::broker::{Ack, Durable, LinkedSubscribers, Options, Subscriber};
#[cfg(feature = "client")]
pub use crate::client::{Client, Request};
#[cfg(feature = "client")]
pub use crate::connect::connect;
pub use crate::error::{Error, ErrorKind, Result, Typed};
pub use crate::handler::{
    BoxFuture, Call, Describe, FromApp, HttpRule, LinkedMethods, LinkedService, Location, Method,
    MethodError, MethodInfo, MethodOptions, Parts, Resources, Response, Served, Service,
    ServiceInfo, StreamItem, Streaming, served,
};
#[cfg(feature = "linkme")]
pub use crate::handler::{LINKED_METHODS, LINKED_SERVICES};
#[cfg(feature = "app")]
pub use crate::testing::{configured_test, test};
#[cfg(feature = "linkme")]
pub use crate::wrap::LINKED_WRAPS;
pub use crate::wrap::{LinkedWrap, Next, On};
#[cfg(feature = "linkme")]
pub use micro_message::__private::{LINKED_MESSAGES, linkme};
pub use micro_message::__private::{LinkedMessage, Yielded, codec, inventory, submit};

pub use self::call::{
    Contract, method, methods, request_spec, request_stream, requests, response_spec,
    response_stream, response_stream_of,
};
pub use self::check::{
    Borrowed, CallerError, Fields, FromAppOnly, IntoError, Returned, ServiceFuture, WrappedCall,
    WrappedNext, borrowed, built, construct, created, field, finish, finish_hook, finish_wrap,
    injected, injected_parameter, injected_service, is_service, parameter, sendable, wrapped_call,
    wrapped_next,
};
#[cfg(feature = "client")]
pub use self::client::{CallTarget, LazyMethod, request};
pub use self::stream::{bare, pump, stream};
#[cfg(feature = "broker")]
pub use micro_broker::internal::{EventSpec, OnTopic, on_topic, subscriber, subscribers, topic_of};
pub use micro_core::handler::{RequestSpec, ResponseSpec, StreamSink, StreamSpec};

/// The client type in generated code if micro's feature `client` is off. It has no values, so the
/// client of a service is reduced to the service's names.
#[cfg(not(feature = "client"))]
#[derive(Debug, Clone)]
pub enum Client {}
