//! Dispatch: from a path to a method, and the frame in which every handler runs.
//!
//! The frame: the deadline holds, a panic becomes an error, the context is current, and whoever
//! waits for cancellation is told when the call is over.

use std::collections::HashMap;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Poll};

use crate::context::{CancelGuard, Context};
use crate::guard::{catch_panic, run_guarded};
use crate::handler::call::{Body, BoxFuture, Call, Response};
use crate::handler::http_rule::HttpRule;
use crate::handler::info::{Location, MethodInfo, ServiceInfo};
use crate::handler::inject::{Instance, Parts, Resources};
use crate::handler::method::{Method, Serve};
use crate::handler::payload::Payload;
use crate::handler::spec::Describe;
use crate::handler::streaming::{PayloadStream, SharedSink, Source, StreamMetadata};
use micro_message::codec::Types;
use micro_message::error::{Error, Result};
use micro_message::internal::{sort_by, sort_by_key};
use micro_message::metadata::Metadata;

/// Something that answers calls: a method, a chain of wraps around one, a connection.
pub trait Endpoint: Send + Sync + 'static {
    /// Answers a call.
    fn call(&self, call: Call) -> BoxFuture<'_, Result<Response>>;
}

/// A method of one running service.
struct MethodEndpoint {
    resources: Resources,
    instance: Instance,
    serve: Serve,
}

impl Endpoint for MethodEndpoint {
    fn call(&self, call: Call) -> BoxFuture<'_, Result<Response>> {
        let (context, method, body) = call.into_parts();
        let (resources, instance) = (self.resources.clone(), Arc::clone(&self.instance));
        let parts = Parts::new(context, method, resources, instance);
        (self.serve)(parts, body)
    }
}

/// A path and what answers there.
#[derive(Clone)]
pub struct Route {
    /// The service.
    pub service: ServiceInfo,
    /// The method.
    pub method: Arc<MethodInfo>,
    /// The method's doc comment.
    pub doc: &'static str,
    /// Whether the method is not to be used in new code.
    pub deprecated: bool,
    /// Where the method is defined.
    pub location: Option<Location>,
    /// How the method is reached by plain HTTP.
    pub http: &'static [HttpRule],
    input: Describe,
    output: Describe,
    error: Option<Describe>,
    endpoint: Arc<dyn Endpoint>,
}

impl Route {
    /// The route of a method of a running service.
    pub fn new(
        service: ServiceInfo,
        method: &Method,
        instance: Instance,
        resources: Resources,
    ) -> Self {
        let serve = Arc::clone(&method.serve);
        let info = MethodInfo::of(&service, method.name)
            .kind(method.kind)
            .options(method.options);
        Self {
            service,
            method: Arc::new(info),
            doc: method.doc,
            deprecated: method.deprecated,
            location: method.location.or(service.location),
            http: method.http,
            input: method.input,
            output: method.output,
            error: method.error,
            endpoint: Arc::new(MethodEndpoint {
                resources,
                instance,
                serve,
            }),
        }
    }

    /// Puts something around what answers: a chain of wraps.
    pub fn map_endpoint(
        mut self,
        wrap: impl FnOnce(Arc<dyn Endpoint>) -> Arc<dyn Endpoint>,
    ) -> Self {
        self.endpoint = wrap(self.endpoint);
        self
    }

    /// Adds the descriptors of request and reply; returns their full names.
    pub fn describe(&self, types: &mut Types) -> (String, String) {
        ((self.input)(types), (self.output)(types))
    }

    /// What describes request, reply and typed errors.
    #[doc(hidden)]
    pub fn messages(&self) -> ((Describe, Describe), Option<Describe>) {
        ((self.input, self.output), self.error)
    }

    /// Adds the descriptor of the message in which typed errors travel; returns its full name.
    pub fn describe_error(&self, types: &mut Types) -> Option<String> {
        self.error.map(|describe| describe(types))
    }

    /// The context of a call with the method's own timeout, which holds where the caller has set
    /// no deadline. The one place that knows this rule.
    ///
    /// [`run`](Self::run) asks for it; a protocol that has to wait for the request does so before,
    /// so that the timeout is for the whole of the call. A deadline once set stays.
    pub fn limited(&self, context: Context) -> Context {
        match (context.deadline(), self.method.options.timeout) {
            (None, Some(timeout)) => context.with_timeout(timeout),
            _ => context,
        }
    }

    /// Runs a call in the frame that every handler has.
    ///
    /// Metadata that a handler sets before it returns precedes its reply; what it sets while its
    /// stream is read follows the stream, as [`StreamMetadata`]. What a failing call has set is
    /// left in the context for the protocol to take.
    ///
    /// # Errors
    ///
    /// The handler's; `DeadlineExceeded` when the deadline comes first; `Internal` when the
    /// handler panics.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the handler and cancels the call's context.
    pub async fn run(&self, mut call: Call) -> Result<Response> {
        let context = self.limited(call.context().clone());
        if context.deadline() != call.context().deadline() {
            *call.context_mut() = context.clone();
        }
        let time = context.remaining().unwrap_or_default();
        let guard = context.guard();
        let path = &self.method.path;
        let start = || self.endpoint.call(call);
        let late =
            || Error::deadline_exceeded(format!("`{path}` did not finish within {time:.1?}"));
        let mut reply = run_guarded(&context, start, || panicked(path), late).await?;
        reply
            .metadata_mut()
            .extend(context.take_response_metadata());
        if !reply.is_stream() {
            reply
                .trailers_mut()
                .extend(context.take_response_trailers());
        }
        Ok(reply.map_body(|body| match body {
            Body::One(payload) => Body::One(payload),
            Body::Many(stream) => {
                // Of its own: the stream's may be that of an onward call, and is written already.
                let metadata = StreamMetadata::default();
                let framed = GuardedStream {
                    stream: Some(stream),
                    metadata: metadata.clone(),
                    context: Arc::new(context),
                    method: Arc::clone(&self.method),
                    _guard: guard,
                };
                Body::Many(PayloadStream::from_source(framed).with_metadata(metadata))
            }
        }))
    }
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Route")
            .field("method", &self.method)
            .finish_non_exhaustive()
    }
}

/// Every path that this app answers.
#[derive(Debug, Clone, Default)]
pub struct Router {
    routes: HashMap<String, Route>,
}

impl Router {
    /// Answers nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a route.
    ///
    /// # Errors
    ///
    /// `AlreadyExists`, naming both places, when the path is taken.
    pub fn add(&mut self, route: Route) -> Result<()> {
        let path = route.method.path.clone().into_owned();
        if let Some(other) = self.routes.get(&path) {
            let place = |route: &Route| {
                route
                    .location
                    .map_or("the builder".to_owned(), |place| place.to_string())
            };
            return Err(Error::already_exists(format!(
                "`{path}` is served twice, from {} and from {}; give one another `package` or \
                 `name`",
                place(other),
                place(&route)
            )));
        }
        self.routes.insert(path, route);
        Ok(())
    }

    /// The route of a path such as `/greeter.Greeter/Hello`.
    pub fn get(&self, path: &str) -> Option<&Route> {
        self.routes.get(path)
    }

    /// All routes, sorted by path.
    pub fn routes(&self) -> Vec<&Route> {
        let mut all: Vec<_> = self.routes.values().collect();
        sort_by(&mut all, |a, b| a.method.path.cmp(&b.method.path));
        all
    }

    /// The services that have routes, sorted by wire name, each once.
    pub fn services(&self) -> Vec<ServiceInfo> {
        let mut all: Vec<_> = self.routes.values().map(|route| route.service).collect();
        sort_by_key(&mut all, |service| service.wire);
        all.dedup_by_key(|service| service.wire);
        all
    }

    /// The error for a path that nobody answers; it lists what there is.
    pub fn unknown(&self, path: &str) -> Error {
        let service = path.strip_prefix('/').unwrap_or(path);
        let service = service
            .split_once('/')
            .map_or(service, |(service, _)| service);
        let prefix = format!("/{service}/");
        let mut known: Vec<&str> = self
            .routes
            .keys()
            .filter(|known| known.starts_with(&prefix))
            .map(|k| &**k)
            .collect();
        let what = if known.is_empty() {
            "service"
        } else {
            "method"
        };
        if known.is_empty() {
            known = self.services().iter().map(|service| service.wire).collect();
        }
        known.sort_unstable();
        let known = if known.is_empty() {
            "none".into()
        } else {
            format!("`{}`", known.join("`, `"))
        };
        let path = path.escape_debug();
        Error::unimplemented(format!("no {what} at `{path}`; known: {known}"))
    }
}

fn panicked(path: &str) -> Error {
    tracing::error!(path, "handler panicked");
    Error::internal(format!("the handler of `{path}` panicked"))
}

/// A reply stream in the frame: current context, no panics, cancelled when dropped.
struct GuardedStream {
    /// Gone after the end, an error or a panic.
    stream: Option<PayloadStream>,
    metadata: StreamMetadata,
    context: Arc<Context>,
    method: Arc<MethodInfo>,
    _guard: CancelGuard,
}

impl GuardedStream {
    /// Lets go of the handler and says what follows its messages.
    fn end(&mut self) -> &Metadata {
        let stream = self.stream.take();
        let trailing = stream
            .as_ref()
            .and_then(|stream| stream.metadata().trailing());
        let mut trailers = trailing.cloned().unwrap_or_default();
        // What the handler says as it is dropped is heard, too.
        drop(stream);
        trailers.extend(self.context.take_response_trailers());
        trailers.extend(self.context.take_response_metadata());
        self.metadata.set_trailing(trailers);
        self.metadata.trailing().expect("it was set")
    }

    /// Polls the handler's stream in the frame.
    fn guarded<T>(
        &mut self,
        poll: impl FnOnce(&mut PayloadStream) -> Poll<Option<Result<T>>>,
    ) -> Poll<Option<Result<T>>> {
        let Some(stream) = &mut self.stream else {
            return Poll::Ready(None);
        };
        let polled = catch_panic(
            || self.context.scope_sync(|| poll(stream)),
            || Poll::Ready(Some(Err(panicked(&self.method.path)))),
        );
        match polled {
            Poll::Ready(Some(Err(error))) => {
                // For callers in this process: over a network it is what the trailers say.
                let trailers = self.end().clone();
                Poll::Ready(Some(Err(error.with_metadata(trailers))))
            }
            Poll::Ready(None) => {
                self.end();
                Poll::Ready(None)
            }
            polled => polled,
        }
    }
}

impl Source for GuardedStream {
    fn poll_next(
        mut self: Pin<&mut Self>,
        cx: &mut task::Context<'_>,
    ) -> Poll<Option<Result<Payload>>> {
        self.guarded(|stream| stream.poll(cx))
    }

    fn poll_each(
        mut self: Pin<&mut Self>,
        cx: &mut task::Context<'_>,
        sink: &SharedSink,
    ) -> Poll<Option<Result<()>>> {
        self.guarded(|stream| stream.poll_each(cx, sink))
    }
}

#[cfg(test)]
mod tests;
