//! `Client` and its builder.

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::attempt::ClientEndpoint;
use crate::client_state::ClientState;
use crate::config::Config;
use crate::options::{Limit, Options};
use crate::request::Request;
use crate::selector::Filter;
use crate::stream_timer::KeepAlive;
use micro_core::handler::{
    self, Body, Call, FromApp, Kind, MethodInfo, Payload, Resources, Router, Streaming,
};
use micro_core::wrap::ScopedWrap;
use micro_message::codec::Message;
use micro_message::error::{Error, Result};
use micro_registry::Registry;

/// Client for calling services.
///
/// Services that this process [serves itself](Builder::local) are called directly, without the
/// network. All other calls go to a node over the network.
///
/// Clones are cheap and share nodes and connections. The client's background tasks stop when the
/// last clone is dropped; a call in progress counts as a clone. Make all calls within one tokio
/// runtime.
///
/// # Examples
///
/// ```no_run
/// # use std::sync::Arc;
/// # use std::time::Duration;
/// # async fn example<Hello: micro::codec::Message>(hello: Hello) -> micro::Result<()> {
/// use micro::client::Client;
/// use micro::handler::MethodInfo;
/// use micro::registry::Registry;
///
/// let client = Client::builder().registry(Registry::open("memory://")?).build();
/// let method = Arc::new(MethodInfo::new("greeter", "/greeter.Greeter/Hello"));
/// let reply: Hello = client.call(&method, hello).timeout(Duration::from_secs(1)).await?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Client {
    inner: Arc<ClientInner>,
    /// Filter of all calls of this clone, unless it matches every node.
    filter: Option<Arc<Filter>>,
}

/// Owner of the client's tasks. The last clone of [`Client`] drops it, which stops the tasks. The
/// tasks hold only `core`, so they do not keep the client alive.
struct ClientInner {
    core: Arc<ClientState>,
    closed: AtomicBool,
}

/// Builder for a [`Client`].
#[derive(Debug, Default)]
#[must_use = "a builder does nothing until `build`"]
pub struct Builder {
    config: Config,
    registry: Option<Registry>,
    wraps: Vec<ScopedWrap>,
    local: Option<Router>,
}

impl Builder {
    /// Sets the registry in which nodes are looked up. Without a registry, the client calls only
    /// services of this process and nodes at [given addresses](Request::address).
    pub fn registry(mut self, registry: Registry) -> Self {
        self.registry = Some(registry);
        self
    }

    /// Sets the services that this process serves. The client calls them directly and passes the
    /// values without encoding them. Limits on message size therefore apply only to calls [over the
    /// network](Request::remote).
    pub fn local(mut self, router: Router) -> Self {
        self.local = Some(router);
        self
    }

    /// Sets the wraps. Those on [`On::Client`](micro_core::wrap::On) run around each call.
    pub fn wraps(mut self, wraps: Vec<ScopedWrap>) -> Self {
        self.wraps = wraps;
        self
    }

    /// Sets the config: strategy, timeouts and size limits.
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// Builds the client. It starts no task yet: the first call to a service looks the service up.
    pub fn build(self) -> Client {
        let core = ClientState::new(self.config, self.registry, self.wraps);
        let client = Client {
            inner: Arc::new(ClientInner {
                core: Arc::new(core),
                closed: AtomicBool::new(false),
            }),
            filter: None,
        };
        if let Some(router) = self.local {
            client.set_local(router);
        }
        client
    }
}

impl Client {
    /// Returns a builder with the default config.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Sets the services that this process serves, replacing those set before.
    ///
    /// Use this if the router's services hold a clone of this client, so that the client has to be
    /// built before the router. The router and the client then keep each other alive until
    /// [`close`](Self::close) is called.
    pub fn set_local(&self, router: Router) {
        let local = &self.inner.core.local;
        let mut local = local.write();
        *local = Some(Arc::new(router));
    }

    /// Restricts the calls of this clone of the client to the nodes that a filter matches. Other
    /// clones are not affected. A call may [narrow](Request::label) the filter further, and
    /// [replaces](Request::version) its version if it asks for one itself.
    ///
    /// # Examples
    ///
    /// ```
    /// use micro::client::Client;
    /// use micro::selector::Filter;
    ///
    /// let client = Client::builder().build();
    /// let stable = client.with_filter(Filter::new().version("1.2"));
    /// # drop(stable);
    /// ```
    pub fn with_filter(&self, filter: Filter) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
            filter: (!filter.is_empty()).then(|| Arc::new(filter)),
        }
    }

    /// The filter of all calls of this clone.
    pub fn filter(&self) -> Filter {
        self.filter.as_deref().cloned().unwrap_or_default()
    }

    /// Prepares a unary call. Await the returned [`Request`] to send it.
    ///
    /// The call inherits the deadline and the trace of [the current
    /// context](micro_core::context::Context::current).
    pub fn call<Response: Message>(
        &self,
        method: &Arc<MethodInfo>,
        request: impl Message,
    ) -> Request<Response> {
        self.request(method, Body::One(Payload::value(request)))
    }

    /// Prepares a call with one request and a stream of responses.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # use std::sync::Arc;
    /// # use micro::client::Client;
    /// # use micro::codec::Message;
    /// # async fn example<Tick: Message>(client: Client, every: Tick) -> micro::Result<()> {
    /// use micro::handler::{Kind, MethodInfo};
    ///
    /// let method = MethodInfo::new("clock", "/clock.Clock/Ticks").kind(Kind::ServerStream);
    /// let mut ticks = client.server_stream::<Tick>(&Arc::new(method), every).await?;
    /// while let Some(tick) = ticks.next().await {
    ///     let tick = tick?;
    ///     # drop(tick);
    /// }
    /// # Ok(()) }
    /// ```
    pub fn server_stream<Response: Message>(
        &self,
        method: &Arc<MethodInfo>,
        request: impl Message,
    ) -> Request<Streaming<Response>> {
        self.request(method, Body::One(Payload::value(request)))
    }

    /// Prepares a call with a stream of requests and one response.
    ///
    /// The client reads the requests while the call is awaited, as fast as the service accepts
    /// them. If the stream of requests yields an error, the client cancels the call and returns
    /// that error.
    pub fn client_stream<Response: Message>(
        &self,
        method: &Arc<MethodInfo>,
        requests: Streaming<impl Message>,
    ) -> Request<Response> {
        self.request(method, Body::Many(requests.into_payloads()))
    }

    /// Prepares a call with a stream of requests and a stream of responses.
    ///
    /// Once the call is awaited, the client reads the requests as fast as the service accepts them,
    /// even while no responses are read. The end of the requests does not end the call; dropping
    /// the responses does. If the stream of requests yields an error, the client cancels the call,
    /// and the stream of responses yields that error next.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # use std::sync::Arc;
    /// # use micro::client::Client;
    /// # use micro::codec::Message;
    /// # async fn example<Line: Message>(client: Client, line: Line) -> micro::Result<()> {
    /// use micro::handler::{Kind, MethodInfo, Streaming};
    ///
    /// let method = MethodInfo::new("chat", "/chat.Chat/Talk").kind(Kind::Bidirectional);
    /// let (lines, requests) = Streaming::channel(8);
    /// let mut heard = client.bidirectional::<Line>(&Arc::new(method), requests).await?;
    /// lines.send(line).await?;
    /// let answer: Option<Line> = heard.next().await.transpose()?;
    /// # drop(answer);
    /// # Ok(()) }
    /// ```
    pub fn bidirectional<Response: Message>(
        &self,
        method: &Arc<MethodInfo>,
        requests: Streaming<impl Message>,
    ) -> Request<Streaming<Response>> {
        self.request(method, Body::Many(requests.into_payloads()))
    }

    fn request<R>(&self, method: &Arc<MethodInfo>, body: Body) -> Request<R> {
        Request::with_body(self.clone(), Arc::clone(method), body)
    }

    /// Sends a call as it is, with the deadline and metadata of its context. For callers that do
    /// not know the message types.
    ///
    /// If the context has no deadline, the method's timeout applies, else the client's. Streaming
    /// calls may run without end, so the client's timeout limits only the time to open one.
    ///
    /// # Errors
    ///
    /// Returns the service's own error, `Unavailable` if no node can be reached, `DeadlineExceeded`
    /// if no response arrives in time, or `ResourceExhausted` if a message or the metadata is too
    /// large.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future cancels the call. Its handler may or may not have run by then.
    pub async fn dispatch(&self, mut call: Call) -> Result<handler::Response> {
        let mut options = Options {
            filter: self.filter(),
            ..Options::default()
        };
        if call.context().deadline().is_none() {
            options.limit = self.default_limit(call.method());
            if let Some(limit) = options.limit {
                *call.context_mut() = call.context().clone().with_deadline(limit.at);
            }
        }
        self.send(call, options).await
    }

    /// Closes all connections and stops all tasks. Waits at most one second.
    ///
    /// Calls in progress may finish within that second. New calls fail with `Cancelled`.
    pub async fn close(&self) {
        self.inner.closed.store(true, Ordering::Relaxed);
        self.inner.core.forget_all();
        self.inner.core.tasks.close().await;
    }

    pub(super) async fn send(&self, call: Call, options: Options) -> Result<handler::Response> {
        if self.inner.closed.load(Ordering::Relaxed) {
            return Err(Error::cancelled("the client is closed"));
        }
        let core = Arc::clone(&self.inner.core);
        let method = core.method(call.method())?;
        let streams = call.method().kind != Kind::Unary;
        let keep: KeepAlive = streams
            .then(|| -> Arc<dyn Any + Send + Sync> { Arc::<ClientInner>::clone(&self.inner) });
        let outgoing = ClientEndpoint::new(core, method, options, keep);
        outgoing.send(call).await
    }

    /// Time limit of a call that sets none. A streaming call has a limit only if its method sets a
    /// timeout: the client's timeout applies only to opening the stream.
    pub(super) fn default_limit(&self, method: &MethodInfo) -> Option<Limit> {
        match method.options.timeout {
            Some(timeout) => Limit::after(timeout, "the method's timeout"),
            None if method.kind != Kind::Unary => None,
            None => Limit::after(self.inner.core.config.timeout, "the client's timeout"),
        }
    }

    #[cfg(feature = "tower")]
    pub(super) fn config(&self) -> &Config {
        &self.inner.core.config
    }

    #[cfg(test)]
    pub(super) fn core(&self) -> &Arc<ClientState> {
        &self.inner.core
    }
}

impl Drop for ClientInner {
    fn drop(&mut self) {
        self.core.forget_all();
        self.core.tasks.abort();
    }
}

impl FromApp for Client {
    fn from_app(app: &Resources) -> Result<Self> {
        app.get::<Self>().map(|client| (*client).clone())
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("registry", &self.inner.core.registry)
            .field("wraps", &self.inner.core.wraps.len())
            .finish_non_exhaustive()
    }
}
