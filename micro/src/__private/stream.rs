//! Functions for methods that return a stream of any type. Generated code states its bounds through
//! them.

use std::convert::Infallible;
use std::future::Future;

use futures_core::Stream;

use crate::__private::check::{Returned, finish};
use crate::error::{Error, Result};
use crate::handler::{Method, Parts, RequestSpec, StreamItem, StreamSink, StreamSpec};

/// Creates a method that returns a stream.
pub fn stream<Req, A, F, Fut>(
    name: &'static str,
    request_spec: RequestSpec<Req>,
    response_stream_of: StreamSpec<A>,
    function: F,
) -> Method
where
    Req: 'static,
    A: Send + 'static,
    F: Fn(Parts, Req, StreamSink<A>) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Result<()>> + Send + 'static,
{
    Method::from_stream_spec(name, request_spec, response_stream_of, function)
}

/// Wraps a stream that is returned without a `Result`.
pub fn bare<S>(stream: S) -> Result<S, Infallible> {
    Ok(stream)
}

/// Pumps the stream that a function has returned into its sink.
///
/// The return type is always `Send`, so the compiler reports a stream that is not `Send` only once.
pub fn pump<R, A>(
    returned: R,
    into_wire_error: fn(R::Error) -> Error,
    out: StreamSink<A>,
) -> impl Future<Output = Result<()>> + Send
where
    R: Returned<Ok: Stream<Item: StreamItem<A>> + Send>,
    A: Send,
{
    out.pump(finish(returned, into_wire_error))
}
