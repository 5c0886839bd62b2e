//! Dispatch: maps paths to methods, and runs every handler within its frame.
//!
//! The frame enforces the deadline, converts a panic to an error, sets the current context, and
//! cancels the context when the call has finished.

use std::collections::HashMap;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Poll};

use crate::access::{AccessLog, CallLog, log_failure};
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
use tokio::time::Instant;

use micro_message::codec::Types;
use micro_message::error::{Error, Result};
use micro_message::internal::{sort_by, sort_by_key};
use micro_message::metadata::Metadata;

/// Handles calls: a method, a chain of wraps around a method, or a connection.
pub trait Endpoint: Send + Sync + 'static {
    /// Handles a call.
    fn call(&self, call: Call) -> BoxFuture<'_, Result<Response>>;
}

/// A method of one service instance.
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

/// A path and the endpoint that handles its calls.
#[derive(Clone)]
pub struct Route {
    /// The service.
    pub service: ServiceInfo,
    /// The method.
    pub method: Arc<MethodInfo>,
    /// The method's doc comment.
    pub doc: &'static str,
    /// Whether the method is deprecated.
    pub deprecated: bool,
    /// Source location of the method's definition.
    pub location: Option<Location>,
    /// HTTP rules under which the method is reachable.
    pub http: &'static [HttpRule],
    input: Describe,
    output: Describe,
    error: Option<Describe>,
    endpoint: Arc<dyn Endpoint>,
    /// Position among the routes of its router.
    index: usize,
    access_log: AccessLog,
}

impl Route {
    /// Creates the route for a method of a service instance.
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
            access_log: AccessLog::default(),
            endpoint: Arc::new(MethodEndpoint {
                resources,
                instance,
                serve,
            }),
            index: 0,
        }
    }

    /// Returns the position of the route in the order in which routes were added to its router. It
    /// is an index for tables with an entry for each route.
    #[doc(hidden)]
    pub fn index(&self) -> usize {
        self.index
    }

    /// Replaces the endpoint, for example to put a chain of wraps around it.
    pub fn map_endpoint(
        mut self,
        wrap: impl FnOnce(Arc<dyn Endpoint>) -> Arc<dyn Endpoint>,
    ) -> Self {
        self.endpoint = wrap(self.endpoint);
        self
    }

    /// Adds the descriptors of request and response. Returns their full names.
    pub fn describe(&self, types: &mut Types) -> (String, String) {
        ((self.input)(types), (self.output)(types))
    }

    /// Returns the functions that describe request, response and typed errors.
    #[doc(hidden)]
    pub fn messages(&self) -> ((Describe, Describe), Option<Describe>) {
        ((self.input, self.output), self.error)
    }

    /// Adds the descriptor of the message that encodes typed errors. Returns its full name.
    pub fn describe_error(&self, types: &mut Types) -> Option<String> {
        self.error.map(|describe| describe(types))
    }

    /// Sets which calls are logged. Default: [`AccessLog::Errors`].
    pub fn with_access_log(mut self, access_log: AccessLog) -> Self {
        self.access_log = access_log;
        self
    }

    /// Returns the call's context with the method's timeout applied, if the caller has set no
    /// deadline. This is the only place that implements this rule.
    ///
    /// [`run`](Self::run) calls it. A protocol that has to wait for the request calls it before
    /// that, so that the timeout covers the whole call. A deadline that is already set does not
    /// change.
    pub fn limited(&self, context: Context) -> Context {
        match (context.deadline(), self.method.options.timeout) {
            (None, Some(timeout)) => context.with_timeout(timeout),
            _ => context,
        }
    }

    /// Runs a call within the frame that every handler has.
    ///
    /// Metadata that a handler sets before it returns is sent before its response. Metadata that it
    /// sets while its stream is read is sent after the stream, as [`StreamMetadata`]. If a call
    /// fails, its metadata stays in the context, where the protocol takes it.
    ///
    /// # Errors
    ///
    /// The handler's error. `DeadlineExceeded` if the deadline comes first. `Internal` if the
    /// handler panics.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the handler and cancels the call's context.
    pub async fn run(&self, mut call: Call) -> Result<Response> {
        let mut context = self.limited(call.context().clone());
        if context.deadline() != call.context().deadline() {
            *call.context_mut() = context.clone();
        }
        let begun = context.started();
        let started = begun.unwrap_or_else(Instant::now);
        if begun.is_none() {
            context = context.with_started(started);
        }
        let log = self.record(&context, started);
        let deadline = context.deadline().unwrap_or(started);
        let time = deadline.saturating_duration_since(started);
        let guard = context.guard();
        let path = &self.method.path;
        let start = || self.endpoint.call(call);
        let panicked = || panicked(path, &context);
        let late =
            || Error::deadline_exceeded(format!("`{path}` did not finish within {time:.1?}"));
        let run = run_guarded(&context, start, panicked, late).await;
        let mut reply =
            run.inspect_err(|error| log_failure(self.access_log, &self.method, &context, error))?;
        if let (Some(log), false) = (&log, reply.is_stream()) {
            log.record().succeed();
        }
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
                // A new one: the stream's own metadata may be that of another call, and is already
                // set.
                let metadata = StreamMetadata::default();
                let framed = GuardedStream {
                    stream: Some(stream),
                    metadata: metadata.clone(),
                    context: Arc::new(context),
                    method: Arc::clone(&self.method),
                    access_log: self.access_log,
                    log,
                    _guard: guard,
                };
                Body::Many(PayloadStream::from_source(framed).with_metadata(metadata))
            }
        }))
    }

    /// Begins to record a call if all calls are logged, unless its protocol has begun to.
    fn record(&self, context: &Context, started: Instant) -> Option<CallLog> {
        if self.access_log != AccessLog::All || context.record().is_some() {
            return None;
        }
        let log = CallLog::new(&self.method, context.caller(), started);
        context.set_record(log.record());
        Some(log)
    }
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Route")
            .field("method", &self.method)
            .finish_non_exhaustive()
    }
}

/// The routes of an app, by path.
#[derive(Debug, Clone, Default)]
pub struct Router {
    routes: HashMap<String, Route>,
    /// Paths under which clients of Go Micro call methods, with the paths of these methods.
    aliases: HashMap<String, Vec<String>>,
    access_log: AccessLog,
}

impl Router {
    /// Creates an empty router.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets which calls are logged, for all routes. Default: [`AccessLog::Errors`].
    pub fn with_access_log(mut self, access_log: AccessLog) -> Self {
        self.access_log = access_log;
        for route in self.routes.values_mut() {
            route.access_log = access_log;
        }
        self
    }

    /// Returns which calls are logged.
    pub fn access_log(&self) -> AccessLog {
        self.access_log
    }

    /// Adds a route.
    ///
    /// # Errors
    ///
    /// `AlreadyExists` if the path is taken. The message names both source locations.
    pub fn add(&mut self, mut route: Route) -> Result<()> {
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
        let alias = go_micro_path(&route);
        if alias != path {
            self.aliases.entry(alias).or_default().push(path.clone());
        }
        route.index = self.routes.len();
        let route = route.with_access_log(self.access_log);
        self.routes.insert(path, route);
        Ok(())
    }

    /// Returns the route for the path of a gRPC request.
    ///
    /// Go Micro's gRPC client does not know packages. It calls `/<service>.<Type>/<Method>` with
    /// the name under which the service registers. Such a path leads to the only method that it
    /// can mean. A method with exactly this path takes precedence.
    ///
    /// # Errors
    ///
    /// `Unimplemented` if the path is unknown, or if several methods match a path of Go Micro.
    pub fn resolve(&self, path: &str) -> Result<&Route> {
        if let Some(route) = self.routes.get(path) {
            return Ok(route);
        }
        match self.aliases.get(path).map(Vec::as_slice) {
            None | Some([]) => Err(self.unknown(path)),
            Some([only]) => self.routes.get(only).ok_or_else(|| self.unknown(path)),
            Some(several) => {
                let mut several = several.to_vec();
                several.sort_unstable();
                Err(Error::unimplemented(format!(
                    "`{path}` is ambiguous, it may mean `{}`; call one of these paths",
                    several.join("` or `")
                )))
            }
        }
    }

    /// Returns the route of a path such as `/greeter.Greeter/Hello`.
    pub fn get(&self, path: &str) -> Option<&Route> {
        self.routes.get(path)
    }

    /// Returns all routes, sorted by path.
    pub fn routes(&self) -> Vec<&Route> {
        let mut all: Vec<_> = self.routes.values().collect();
        sort_by(&mut all, |a, b| a.method.path.cmp(&b.method.path));
        all
    }

    /// Returns the services that have routes, sorted by wire name, without duplicates.
    pub fn services(&self) -> Vec<ServiceInfo> {
        let mut all: Vec<_> = self.routes.values().map(|route| route.service).collect();
        sort_by_key(&mut all, |service| service.wire);
        all.dedup_by_key(|service| service.wire);
        all
    }

    /// Returns the error for an unknown path. It lists the known services, or the methods of a
    /// known service.
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

/// Returns the path under which a client of Go Micro calls a method.
fn go_micro_path(route: &Route) -> String {
    let ServiceInfo { name, wire, .. } = route.service;
    let class = wire.rsplit_once('.').map_or(wire, |(_, class)| class);
    format!("/{name}.{class}/{}", route.method.name())
}

fn panicked(path: &str, context: &Context) -> Error {
    tracing::error!(path, "handler panicked");
    context.set_logged();
    Error::internal(format!("the handler of `{path}` panicked"))
}

/// A response stream within the frame: its polls run within the context, panics become errors, and
/// dropping it cancels the context.
struct GuardedStream {
    /// `None` after the end, an error or a panic.
    stream: Option<PayloadStream>,
    metadata: StreamMetadata,
    context: Arc<Context>,
    method: Arc<MethodInfo>,
    access_log: AccessLog,
    /// Set if this stream's call is logged here, because no protocol does.
    log: Option<CallLog>,
    _guard: CancelGuard,
}

impl GuardedStream {
    /// Drops the handler's stream and collects the trailers.
    fn end(&mut self) -> &Metadata {
        let stream = self.stream.take();
        let trailing = stream
            .as_ref()
            .and_then(|stream| stream.metadata().trailing());
        let mut trailers = trailing.cloned().unwrap_or_default();
        // Metadata that the handler sets while it is dropped counts, too.
        drop(stream);
        trailers.extend(self.context.take_response_trailers());
        trailers.extend(self.context.take_response_metadata());
        self.metadata.set_trailing(trailers);
        self.metadata.trailing().expect("it was set")
    }

    /// Polls the handler's stream within the frame.
    fn guarded<T>(
        &mut self,
        poll: impl FnOnce(&mut PayloadStream) -> Poll<Option<Result<T>>>,
    ) -> Poll<Option<Result<T>>> {
        let Some(stream) = &mut self.stream else {
            return Poll::Ready(None);
        };
        let polled = catch_panic(
            || self.context.scope_sync(|| poll(stream)),
            || Poll::Ready(Some(Err(panicked(&self.method.path, &self.context)))),
        );
        match polled {
            Poll::Ready(Some(Err(error))) => {
                log_failure(self.access_log, &self.method, &self.context, &error);
                // For callers in this process. Over a network, the trailers carry the same
                // metadata.
                let trailers = self.end().clone();
                Poll::Ready(Some(Err(error.with_metadata(trailers))))
            }
            Poll::Ready(None) => {
                if let Some(log) = &self.log {
                    log.record().succeed();
                }
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
