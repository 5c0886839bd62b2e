//! Methods and calls from parts that know the messages: where generated code states its bounds.
//!
//! A bound is stated once, by [`request_spec`] and [`response_spec`], so that a type that is no
//! message is reported once although service and client both name it.

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

/// A request is a message or a stream of such.
pub const fn request_spec<Req: RequestType>() -> RequestSpec<Req> {
    RequestSpec::of()
}

/// A reply is a message or a stream of such.
pub const fn response_spec<Res: ResponseType>() -> ResponseSpec<Res> {
    ResponseSpec::of()
}

/// A request is a stream of messages.
pub const fn request_stream<T: Message>() -> RequestSpec<Streaming<T>> {
    request_spec()
}

/// A reply is a stream of messages.
pub const fn response_stream<T: Message>() -> ResponseSpec<Streaming<T>> {
    response_spec()
}

/// A reply is a stream that yields `Y`.
pub const fn response_stream_of<Y: Yielded<Message: Message, Error: MethodError>>()
-> StreamSpec<Y::Message> {
    StreamSpec::of(<Y::Error as MethodError>::DESCRIBE)
}

/// A method; what it takes and answers says of which kind.
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

/// A table whose entries `#[cfg]` may have taken away.
pub fn methods<const N: usize>(table: [Method; N]) -> Vec<Method> {
    table.into()
}

/// A contract as a service implements it.
#[derive(Debug)]
pub struct Contract {
    /// Its names.
    pub info: ServiceInfo,
    /// Its methods, of that service.
    pub methods: fn() -> Vec<Method>,
}

impl Contract {
    /// The contract as what is served.
    pub fn served(self) -> Served {
        Served::new(self.info).methods((self.methods)())
    }
}

/// Any stream as the requests of a call.
pub fn requests<Req: Message>(
    messages: impl Stream<Item: StreamItem<Req>> + Send + 'static,
) -> Streaming<Req> {
    let mut messages = Some(messages);
    // One that is of this type already is not packed again.
    let whole: &mut dyn Any = &mut messages;
    match whole.downcast_mut::<Option<Streaming<Req>>>() {
        Some(whole) => whole.take(),
        None => messages.take().map(Streaming::new),
    }
    .expect("it was put there above")
}
