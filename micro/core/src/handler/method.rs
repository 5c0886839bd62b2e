//! `Method`: one callable method of a service, and the function that runs it.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use crate::context::Context;
use crate::handler::call::{Body, BoxFuture, Response};
use crate::handler::http_rule::HttpRule;
use crate::handler::info::{Kind, Location, MethodOptions, options_setters};
use crate::handler::inject::Parts;
use crate::handler::spec::{
    Describe, RequestSpec, RequestType, ResponseSpec, ResponseType, StreamSpec,
};
use crate::handler::streaming::{StreamSink, Streaming, reply};
use micro_message::codec::Message;
use micro_message::error::Result;

/// Runs a method: decodes the request, calls the function, and returns the response.
pub(super) type Serve =
    Arc<dyn Fn(Parts, Body) -> BoxFuture<'static, Result<Response>> + Send + Sync>;

/// One callable method of a service.
///
/// # Examples
///
/// A method by hand, without any attribute:
///
/// ```
/// use std::sync::Arc;
/// use micro::Context;
/// use micro::handler::Method;
///
/// struct Bell;
///
/// let ring = Method::unary("Ring", |_: Arc<Bell>, _: Context, (): ()| async { Ok(()) });
/// # drop(ring);
/// ```
#[derive(Clone)]
pub struct Method {
    #[doc(hidden)]
    pub name: &'static str,
    #[doc(hidden)]
    pub doc: &'static str,
    #[doc(hidden)]
    pub deprecated: bool,
    #[doc(hidden)]
    pub kind: Kind,
    #[doc(hidden)]
    pub options: MethodOptions,
    #[doc(hidden)]
    pub http: &'static [HttpRule],
    #[doc(hidden)]
    pub error: Option<Describe>,
    #[doc(hidden)]
    pub location: Option<Location>,
    #[doc(hidden)]
    pub input: Describe,
    #[doc(hidden)]
    pub output: Describe,
    pub(super) serve: Serve,
}

impl Method {
    /// Creates a unary method from an async function of service, context and request.
    pub fn unary<S, Req, Res, F, Fut>(name: &'static str, function: F) -> Self
    where
        S: Send + Sync + 'static,
        Req: Message,
        Res: Message,
        F: Fn(Arc<S>, Context, Req) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Result<Res>> + Send + 'static,
    {
        Self::unary_from_parts(name, move |parts: Parts, request| {
            let service = parts.service::<S>();
            let function = function.clone();
            async move { function(service?, parts.context, request).await }
        })
    }

    /// Creates a unary method from an async function of [`Parts`] and request.
    pub fn unary_from_parts<Req, Res, F, Fut>(name: &'static str, function: F) -> Self
    where
        Req: Message,
        Res: Message,
        F: Fn(Parts, Req) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Result<Res>> + Send + 'static,
    {
        Self::new(name, function)
    }

    /// Creates a method that receives one request and returns a stream.
    pub fn server_stream<Req, Res, F, Fut>(name: &'static str, function: F) -> Self
    where
        Req: Message,
        Res: Message,
        F: Fn(Parts, Req) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Result<Streaming<Res>>> + Send + 'static,
    {
        Self::new(name, function)
    }

    /// Creates a method that receives a stream of requests and returns one response.
    pub fn client_stream<Req, Res, F, Fut>(name: &'static str, function: F) -> Self
    where
        Req: Message,
        Res: Message,
        F: Fn(Parts, Streaming<Req>) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Result<Res>> + Send + 'static,
    {
        Self::new(name, function)
    }

    /// Creates a method that receives a stream of requests and returns a stream of responses.
    pub fn bidirectional<Req, Res, F, Fut>(name: &'static str, function: F) -> Self
    where
        Req: Message,
        Res: Message,
        F: Fn(Parts, Streaming<Req>) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Result<Streaming<Res>>> + Send + 'static,
    {
        Self::new(name, function)
    }

    /// Creates a method from an async function of [`Parts`] and the request. The types of request
    /// and response determine the kind.
    fn new<Req, A, F, Fut>(name: &'static str, function: F) -> Self
    where
        Req: RequestType,
        A: ResponseType,
        F: Fn(Parts, Req) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Result<A>> + Send + 'static,
    {
        Self::from_specs(name, RequestSpec::of(), ResponseSpec::of(), function)
    }

    /// Creates a method from the specs of its request and response.
    #[doc(hidden)]
    #[allow(
        clippy::needless_pass_by_value,
        reason = "the specs are a few functions"
    )]
    pub fn from_specs<Req, A, F, Fut>(
        name: &'static str,
        request: RequestSpec<Req>,
        response: ResponseSpec<A>,
        function: F,
    ) -> Self
    where
        Req: 'static,
        A: 'static,
        F: Fn(Parts, Req) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Result<A>> + Send + 'static,
    {
        let kind = request.kind(&response);
        let describe = (request.describe, response.describe);
        let (from_body, into_response) = (request.from_body, response.into_response);
        Self::raw(name, kind, describe, move |parts, body| {
            let function = function.clone();
            Box::pin(async move {
                let running = function(parts, from_body(body)?);
                Ok(into_response(running.await?))
            })
        })
    }

    /// Creates a method that returns a stream of any type, also one that borrows from its service.
    /// The function pumps the stream into a [`StreamSink`].
    #[doc(hidden)]
    #[allow(
        clippy::needless_pass_by_value,
        reason = "the specs are a few functions"
    )]
    pub fn from_stream_spec<Req, A, F, Fut>(
        name: &'static str,
        request: RequestSpec<Req>,
        stream: StreamSpec<A>,
        function: F,
    ) -> Self
    where
        Req: 'static,
        A: Send + 'static,
        F: Fn(Parts, Req, StreamSink<A>) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Result<()>> + Send + 'static,
    {
        let StreamSpec {
            response,
            payload,
            as_payload,
            error,
        } = stream;
        let kind = request.kind(&response);
        let describe = (request.describe, response.describe);
        let method = Self::raw(name, kind, describe, move |parts, body| {
            let function = function.clone();
            Box::pin(async move {
                let (theirs, out) = StreamSink::pair(as_payload);
                let running = Box::pin(function(parts, (request.from_body)(body)?, theirs));
                reply(running, out, payload).await
            })
        });
        Self { error, ..method }
    }

    /// Creates a method of any kind from a function of [`Parts`] and the undecoded body.
    pub fn raw<F>(
        name: &'static str,
        kind: Kind,
        (input, output): (Describe, Describe),
        function: F,
    ) -> Self
    where
        F: Fn(Parts, Body) -> BoxFuture<'static, Result<Response>> + Send + Sync + 'static,
    {
        Self {
            name,
            doc: "",
            deprecated: false,
            kind,
            options: MethodOptions::new(),
            http: &[],
            error: None,
            location: None,
            input,
            output,
            serve: Arc::new(function),
        }
    }

    /// Sets the doc comment.
    pub fn doc(mut self, doc: &'static str) -> Self {
        self.doc = doc;
        self
    }

    /// Marks the method as deprecated.
    pub fn deprecated(mut self) -> Self {
        self.deprecated = true;
        self
    }

    options_setters!();

    /// Sets the HTTP rules under which the method is reachable.
    pub fn http(mut self, rules: &'static [HttpRule]) -> Self {
        self.http = rules;
        self
    }

    /// Sets the message that encodes the method's typed errors.
    pub fn error(mut self, describe: Describe) -> Self {
        self.error = Some(describe);
        self
    }

    /// Sets the source location of the definition.
    pub fn location(mut self, location: Location) -> Self {
        self.location = Some(location);
        self
    }
}

impl fmt::Debug for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Method")
            .field("name", &self.name)
            .field("kind", &self.kind)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
