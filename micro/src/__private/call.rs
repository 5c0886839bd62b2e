//! Functions that create methods and calls from specs of their messages. Generated code states its
//! bounds through them.
//!
//! Each bound is stated once, by [`request_spec`] and [`response_spec`]. So the compiler reports a
//! type that is not a message only once, although both service and client name it.

#![allow(
    clippy::needless_pass_by_value,
    reason = "values that only carry a type"
)]

use std::any::Any;
use std::future::Future;

use futures_core::Stream;

use crate::codec::Message;
use crate::error::Result;
use crate::handler::{
    Method, MethodError, Parts, RequestSpec, RequestType, ResponseSpec, ResponseType, Served,
    ServiceInfo, StreamItem, StreamSpec, Streaming,
};
use micro_message::__private::Yielded;

/// The spec of a request that is a message or a stream of messages.
pub const fn request_spec<Req: RequestType>() -> RequestSpec<Req> {
    RequestSpec::of()
}

/// The spec of a response that is a message or a stream of messages.
pub const fn response_spec<Res: ResponseType>() -> ResponseSpec<Res> {
    ResponseSpec::of()
}

/// The spec of a request that is a stream of messages.
pub const fn request_stream<T: Message>() -> RequestSpec<Streaming<T>> {
    request_spec()
}

/// The spec of a response that is a stream of messages.
pub const fn response_stream<T: Message>() -> ResponseSpec<Streaming<T>> {
    response_spec()
}

/// The spec of a response that is a stream of `Y`.
pub const fn response_stream_of<Y: Yielded<Message: Message, Error: MethodError>>()
-> StreamSpec<Y::Message> {
    StreamSpec::of(<Y::Error as MethodError>::DESCRIBE)
}

/// Creates a method. The specs of request and response determine its kind.
pub fn method<Req, Res, F, Fut>(
    name: &'static str,
    request_spec: RequestSpec<Req>,
    response_spec: ResponseSpec<Res>,
    function: F,
) -> Method
where
    Req: 'static,
    Res: 'static,
    F: Fn(Parts, Req) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Result<Res>> + Send + 'static,
{
    Method::from_specs(name, request_spec, response_spec, function)
}

/// Converts a table of methods, whose length may depend on `#[cfg]`, to a vector.
pub fn methods<const N: usize>(table: [Method; N]) -> Vec<Method> {
    table.into()
}

/// A contract that a service implements.
#[derive(Debug)]
pub struct Contract {
    /// The contract's names, version and metadata.
    pub info: ServiceInfo,
    /// Returns its methods for that service.
    pub methods: fn() -> Vec<Method>,
}

impl Contract {
    /// Converts the contract to a served service.
    pub fn served(self) -> Served {
        Served::new(self.info).methods((self.methods)())
    }
}

/// Converts any stream to the requests of a call.
pub fn requests<Req: Message>(
    messages: impl Stream<Item: StreamItem<Req>> + Send + 'static,
) -> Streaming<Req> {
    let mut messages = Some(messages);
    // A stream that already has this type is not wrapped again.
    let whole: &mut dyn Any = &mut messages;
    match whole.downcast_mut::<Option<Streaming<Req>>>() {
        Some(whole) => whole.take(),
        None => messages.take().map(Streaming::new),
    }
    .expect("it was put there above")
}
