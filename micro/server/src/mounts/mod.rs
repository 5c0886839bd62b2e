//! HTTP services that a program mounts beside its own services: any `tower::Service`, for example
//! an axum router or tonic's routes.

mod service;

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

#[cfg(feature = "reflection")]
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{Extensions, Request, Uri};

use self::service::ErasedService;
pub(super) use self::service::MountedBody;
pub use self::service::{HttpService, RequestBody};
use crate::body::{HttpResponse, Incoming, ResponseBody};
use crate::call_context;
use crate::error_json;
use crate::server_call::cut;
use crate::state::ConnectionState;
use micro_core::context::{Caller, Context};
use micro_core::handler::{MethodInfo, Router};
use micro_core::internal::run_guarded;
#[cfg(feature = "reflection")]
use micro_message::codec::Message;
use micro_message::error::{Error, Result};
#[cfg(feature = "reflection")]
use micro_schema::descriptor::EncodedFileSet;
use micro_wire::grpc::timeout;

/// HTTP services that a server serves beside its own services, on the same port.
///
/// A service is mounted at a path, or is the fallback for requests that nothing else matches. The
/// methods of the server's own services come first. Connections, graceful shutdown, CORS and the
/// checks against DNS rebinding are the same for all. The limit on message size does not apply to
/// the bodies of mounted services, which arrive as streams.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> micro::Result<()> {
/// use axum::Router;
/// use axum::routing::get;
/// use micro::server::{Config, Mounts, Server};
///
/// let mut mounts = Mounts::new();
/// mounts.mount("/admin", Router::new().route("/users", get(|| async { "ada" })))?;
/// mounts.fallback(Router::new().route("/", get(|| async { "welcome" })))?;
/// let router = micro::handler::Router::new();
/// let server = Server::builder(Config::default(), router).mounts(mounts).bind().await?;
/// # drop(server);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Default)]
pub struct Mounts {
    /// Longest prefix first.
    at: Vec<Arc<Mounted>>,
    /// gRPC services, by their full names.
    grpc: BTreeMap<String, Arc<Mounted>>,
    /// Encoded `google.protobuf.FileDescriptorProto`s, for reflection.
    #[cfg(feature = "reflection")]
    descriptors: Vec<Bytes>,
    fallback: Option<Arc<Mounted>>,
    /// Values for the extensions of each request.
    extensions: Extensions,
}

/// The URI of a request to a [mounted](Mounts::mount) service before its prefix was removed. In the
/// extensions of the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OriginalUri(pub Uri);

impl Mounts {
    /// Creates a value without any service.
    pub fn new() -> Self {
        Self::default()
    }

    /// Serves requests for `path` and everything below it with a service.
    ///
    /// The service sees paths without this prefix: mounted at `/admin`, a request for
    /// `/admin/users` reaches it as `/users`. The original URI is in the request's extensions, as
    /// [`OriginalUri`], and so is the peer's address, as [`SocketAddr`].
    ///
    /// # Errors
    ///
    /// `InvalidArgument` when `path` does not begin with `/`, ends with `/`, has a query or empty
    /// segments, or is taken.
    pub fn mount(&mut self, path: &str, service: impl HttpService) -> Result<()> {
        check_prefix(path)?;
        if self.at.iter().any(|mounted| mounted.prefix == path) {
            let error = format!("two services are mounted at `{path}`");
            return Err(Error::invalid_argument(error));
        }
        self.at.push(Arc::new(Mounted::new(path, path, service)));
        self.at
            .sort_by_key(|mounted| std::cmp::Reverse(mounted.prefix.len()));
        Ok(())
    }

    /// Serves the methods of a gRPC service, which keeps its own paths: `/helloworld.Greeter/…` for
    /// `helloworld.Greeter`. The service appears in `grpc.health.v1`, and in reflection if its
    /// [descriptors](Self::descriptors) are added.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` when `name` is not the full name of a service, or is taken.
    pub fn grpc(&mut self, name: &str, service: impl HttpService) -> Result<()> {
        check_prefix(&format!("/{name}"))?;
        if name.contains('/') || self.grpc.contains_key(name) {
            return Err(Error::invalid_argument(format!(
                "`{name}` is mounted already, or is not the name of a gRPC service such as \
                 `helloworld.Greeter`"
            )));
        }
        let mounted = Mounted::new("", &format!("/{name}/*"), service);
        self.grpc.insert(name.to_owned(), Arc::new(mounted));
        Ok(())
    }

    /// Adds descriptors for reflection: an encoded `google.protobuf.FileDescriptorSet`, as
    /// tonic-build and protoc write it.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` when the bytes are not a `FileDescriptorSet`.
    #[cfg(feature = "reflection")]
    pub fn descriptors(&mut self, set: impl Into<Bytes>) -> Result<()> {
        let set = EncodedFileSet::decode(&set.into(), usize::MAX)
            .map_err(|error| error.context("not an encoded `FileDescriptorSet`"))?;
        self.descriptors.extend(set.file);
        Ok(())
    }

    /// Returns the full names of the mounted gRPC services.
    pub fn grpc_services(&self) -> impl Iterator<Item = &str> {
        self.grpc.keys().map(String::as_str)
    }

    /// Serves requests that nothing else matches with a service. It also gets `GET /`, which
    /// otherwise lists the server's services.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` when there is a fallback already.
    pub fn fallback(&mut self, service: impl HttpService) -> Result<()> {
        if self.fallback.is_some() {
            return Err(Error::invalid_argument(
                "there are two fallbacks; mount one of them at a path, or merge them",
            ));
        }
        self.fallback = Some(Arc::new(Mounted::new("", "/*", service)));
        Ok(())
    }

    /// Adds a clone of a value to the extensions of each request, where axum's `Extension` finds it.
    pub fn with_extension<T: Clone + Send + Sync + 'static>(mut self, value: T) -> Self {
        self.extensions.insert(value);
        self
    }

    /// Whether there is neither a mounted service nor a fallback.
    pub fn is_empty(&self) -> bool {
        self.at.is_empty() && self.grpc.is_empty() && self.fallback.is_none()
    }

    /// Returns the paths at which services are mounted, and `/*` for a fallback.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        let mounted = self.at.iter().chain(self.grpc.values());
        let mounted = mounted.chain(&self.fallback);
        mounted.map(|mounted| &*mounted.method.path)
    }

    /// Returns the encoded files of all descriptors.
    #[cfg(feature = "reflection")]
    pub(super) fn files(&self) -> &[Bytes] {
        &self.descriptors
    }

    /// Returns the gRPC service of a path, or the service mounted at the longest prefix of it.
    pub(super) fn at(&self, path: &str) -> Option<&Mounted> {
        if let Some(mounted) = self.grpc.get(service_of(path)) {
            return Some(mounted);
        }
        let found = self.at.iter().find(|mounted| mounted.matches(path));
        found.map(|mounted| &**mounted)
    }

    pub(super) fn fallback_service(&self) -> Option<&Mounted> {
        self.fallback.as_deref()
    }

    /// Checks that no mounted service hides a method of the server.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` when the path of a method, or of one of its HTTP rules, is below the path
    /// of a mounted service.
    pub fn check(&self, router: &Router) -> Result<()> {
        for route in router.routes() {
            let rules = route.http.iter().map(|rule| rule.path);
            for path in rules.chain([&*route.method.path]) {
                if let Some(mounted) = self.at(path) {
                    return Err(Error::invalid_argument(format!(
                        "the service mounted at `{}` and the method `{}` both serve `{path}`",
                        mounted.method.path, route.method.path
                    )));
                }
            }
        }
        Ok(())
    }
}

/// A mounted service.
pub(super) struct Mounted {
    /// Begins with `/` and does not end with it; empty for the fallback.
    prefix: String,
    /// Registers its requests as running calls.
    method: Arc<MethodInfo>,
    service: Box<dyn ErasedService>,
}

impl Mounted {
    /// Creates a service. `shown` is its path in logs and reports.
    fn new(prefix: &str, shown: &str, service: impl HttpService) -> Self {
        Self {
            prefix: prefix.to_owned(),
            method: Arc::new(MethodInfo::new("http", shown.to_owned())),
            service: Box::new(service),
        }
    }

    fn matches(&self, path: &str) -> bool {
        let rest = path.strip_prefix(&*self.prefix);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// Serves a request. It ends when the server aborts its calls.
    pub(super) async fn serve(
        &self,
        connection: &ConnectionState,
        request: Request<Incoming>,
    ) -> HttpResponse {
        let grpc = request.headers().get(CONTENT_TYPE);
        let grpc = grpc.and_then(|value| micro_wire::grpc::codec(value.as_bytes()));
        let refuse = |error: &Error| match grpc {
            Some(codec) => crate::grpc::refuse(error, codec),
            None => error_json::refuse(error),
        };
        let aborted = || cut(&self.method.path);
        if connection.server.is_aborted() {
            return refuse(&aborted());
        }
        let protocol = if grpc.is_some() { "grpc" } else { "http" };
        let guard = connection.begin_as(&self.method, protocol, || logged(&request));
        let (head, body) = request.into_parts();
        let context = context(connection, &head, protocol);
        let body = RequestBody::new(body.counted_by(&guard));
        let request = match self.below(connection, head) {
            Ok(head) => Request::from_parts(head, body),
            Err(error) => return refuse(&guard.failed(error.into()).error),
        };
        let panicked = || Error::internal("the mounted service panicked");
        let late = || Error::deadline_exceeded(format!("`{}` took too long", self.method.path));
        let start = || self.service.serve(request);
        let serving = run_guarded(&context, start, panicked, late);
        let served = tokio::select! {
            biased;
            served = serving => served,
            () = connection.cut.cancelled() => {
                return refuse(&guard.failed(aborted().into()).error);
            }
        };
        match served {
            Ok(response) => {
                let cut = connection.cut.child_token();
                let record = guard.record().cloned();
                let body = |body| ResponseBody::mounted(MountedBody::new(body, cut, record));
                response.map(|inner| body(inner).during(guard))
            }
            Err(error) => {
                let path = self.method.path.as_ref();
                tracing::error!(path, error = error.chain(), "mounted service failed");
                if let Some(record) = guard.record() {
                    record.fail(&error, true);
                }
                refuse(&error)
            }
        }
    }

    /// Returns the head of a request as the service sees it: without the prefix, and with the
    /// original URI and the peer's address as extensions.
    fn below(&self, connection: &ConnectionState, mut head: Parts) -> Result<Parts> {
        let original = head.uri.clone();
        if !self.prefix.is_empty() {
            let mut parts = original.clone().into_parts();
            let path = parts
                .path_and_query
                .as_ref()
                .map_or("", PathAndQuery::as_str);
            let rest = path.strip_prefix(&*self.prefix).unwrap_or(path);
            let path = if rest.starts_with('/') {
                rest.to_owned()
            } else {
                format!("/{rest}")
            };
            let invalid = || Error::invalid_argument("the path of the request is invalid");
            parts.path_and_query = Some(PathAndQuery::try_from(path).map_err(|_| invalid())?);
            head.uri = Uri::from_parts(parts).map_err(|_| invalid())?;
        }
        head.extensions
            .extend(connection.server.mounts.extensions.clone());
        head.extensions.insert(OriginalUri(original));
        head.extensions.insert::<SocketAddr>(connection.address);
        Ok(head)
    }
}

impl fmt::Debug for Mounted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mounted")
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}

/// Returns the context of a request, from which the service's own calls inherit the trace.
fn context(connection: &ConnectionState, head: &Parts, protocol: &'static str) -> Context {
    // Headers of a website may exceed the limits of a call's metadata.
    let context = call_context::of_request(connection, head, protocol).unwrap_or_else(|_| {
        Context::new().with_caller(Caller::new(Some(connection.address), protocol))
    });
    let timeout = head.headers.get(timeout::TIMEOUT);
    match timeout.filter(|_| protocol == "grpc").map(timeout::read) {
        Some(Ok(timeout)) => context.with_timeout(timeout),
        _ => context,
    }
}

/// Returns how the access log names a request: by its path and its HTTP method.
fn logged(request: &Request<Incoming>) -> Arc<MethodInfo> {
    let path = request.uri().path().to_owned();
    Arc::new(MethodInfo::new(path, request.method().as_str().to_owned()))
}

/// Returns the service in the path of a gRPC method.
fn service_of(path: &str) -> &str {
    let path = path.strip_prefix('/').unwrap_or(path);
    path.rsplit_once('/').map_or("", |(service, _)| service)
}

fn check_prefix(path: &str) -> Result<()> {
    let valid = path.starts_with('/')
        && !path.ends_with('/')
        && !path.contains("//")
        && PathAndQuery::try_from(path).is_ok_and(|parsed| parsed.path() == path);
    if valid {
        return Ok(());
    }
    Err(Error::invalid_argument(format!(
        "`{}` is not a path to mount a service at; write for example `/admin`, or use the \
         fallback for all paths",
        path.escape_debug()
    )))
}
