//! HTTP services that a program mounts beside its own services: any `tower::Service`, for example
//! an axum router or tonic's routes.

mod service;

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use http::uri::PathAndQuery;
use http::{Request, StatusCode, Uri};

use self::service::ErasedService;
pub(super) use self::service::MountedBody;
pub use self::service::{HttpService, RequestBody};
use crate::body::{HttpResponse, Incoming, ResponseBody};
use crate::error_json;
use crate::server_call::cut;
use crate::state::ConnectionState;
use micro_core::context::{Caller, Context};
use micro_core::handler::{MethodInfo, Router};
use micro_core::internal::run_guarded;
use micro_message::error::{Error, Result};
use micro_wire::headers;

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
/// let server = Server::bind_with(Config::default(), router, mounts).await?;
/// # drop(server);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Default)]
pub struct Mounts {
    /// Longest prefix first.
    at: Vec<Arc<Mounted>>,
    fallback: Option<Arc<Mounted>>,
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
        self.at.push(Arc::new(Mounted::new(path, service)));
        self.at
            .sort_by_key(|mounted| std::cmp::Reverse(mounted.prefix.len()));
        Ok(())
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
        self.fallback = Some(Arc::new(Mounted::new("", service)));
        Ok(())
    }

    /// Whether there is neither a mounted service nor a fallback.
    pub fn is_empty(&self) -> bool {
        self.at.is_empty() && self.fallback.is_none()
    }

    /// Returns the paths at which services are mounted, and `*` for a fallback.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        let fallback = self.fallback.iter().map(|_| "*");
        self.at
            .iter()
            .map(|mounted| &*mounted.prefix)
            .chain(fallback)
    }

    /// Returns the service that is mounted at the longest prefix of a path.
    pub(super) fn at(&self, path: &str) -> Option<&Mounted> {
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
                        "the service mounted at `{}` hides `{path}` of `{}`; mount it elsewhere",
                        mounted.prefix, route.method.path
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
    fn new(prefix: &str, service: impl HttpService) -> Self {
        let shown = if prefix.is_empty() { "/*" } else { prefix };
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
        let aborted = || error_json::refuse(&cut(&self.method.path));
        if connection.server.is_aborted() {
            return aborted();
        }
        let guard = connection.calls.begin(&self.method);
        let context = context(connection, &request);
        let request = match self.below(connection.address, request) {
            Ok(request) => request,
            Err(error) => return error_json::refuse(&error),
        };
        let panicked = || Error::internal("the mounted service panicked");
        let never_late = || Error::deadline_exceeded("the mounted service took too long");
        let start = || self.service.serve(request);
        let serving = run_guarded(&context, start, panicked, never_late);
        let served = tokio::select! {
            biased;
            served = serving => served,
            () = connection.cut.cancelled() => return aborted(),
        };
        match served {
            Ok(response) => {
                let cut = connection.cut.child_token();
                let body = |body| ResponseBody::mounted(MountedBody::new(body, cut));
                response.map(|inner| body(inner).during(guard))
            }
            Err(error) => {
                tracing::error!(
                    at = self.method.path.as_ref(),
                    error = error.chain(),
                    "mounted service failed"
                );
                let error = Error::internal("internal error");
                error_json::refuse_as(StatusCode::INTERNAL_SERVER_ERROR, &error)
            }
        }
    }

    /// Returns the request as the service sees it: without the prefix, and with the original URI
    /// and the peer's address as extensions.
    fn below(&self, peer: SocketAddr, request: Request<Incoming>) -> Result<Request<RequestBody>> {
        let (mut head, body) = request.into_parts();
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
            let invalid = |_| Error::invalid_argument("the path of the request is invalid");
            parts.path_and_query = Some(PathAndQuery::try_from(path).map_err(invalid)?);
            let invalid = |_| Error::invalid_argument("the path of the request is invalid");
            head.uri = Uri::from_parts(parts).map_err(invalid)?;
        }
        head.extensions.insert(OriginalUri(original));
        head.extensions.insert(peer);
        Ok(Request::from_parts(head, RequestBody::new(body)))
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
fn context(connection: &ConnectionState, request: &Request<Incoming>) -> Context {
    let caller = Caller::new(Some(connection.address), "http");
    let context = Context::new().with_caller(caller);
    let limit = connection.server.limits.max_metadata_size;
    match headers::metadata(request.headers(), limit) {
        Ok(metadata) => context.with_metadata(metadata),
        // Headers of a website may exceed the limits of a call's metadata.
        Err(_) => context,
    }
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
