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
use crate::stream_timer::KeepAlive;
use micro_core::handler::{
    self, Body, Call, FromApp, Kind, MethodInfo, Payload, Resources, Router, Streaming,
};
use micro_core::wrap::ScopedWrap;
use micro_message::codec::Message;
use micro_message::error::{Error, Result};
use micro_registry::Registry;

/// Calls services: the ones in this process directly, others over the network.
///
/// Cheap to clone; clones share nodes and connections. Its tasks end with the last clone, a call
/// under way counting as one. All calls must be made within one tokio runtime.
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
pub struct Client(Arc<ClientInner>);

/// Stops the tasks when the last clone is gone; the tasks themselves hold `core` only.
struct ClientInner {
    core: Arc<ClientState>,
    closed: AtomicBool,
}

/// Makes a [`Client`].
#[derive(Debug, Default)]
#[must_use = "a builder does nothing until `build`"]
pub struct Builder {
    config: Config,
    registry: Option<Registry>,
    wraps: Vec<ScopedWrap>,
    local: Option<Router>,
}

impl Builder {
    /// Where nodes are found. Without one, calls go to this process or to given addresses.
    pub fn registry(mut self, registry: Registry) -> Self {
        self.registry = Some(registry);
        self
    }

    /// What this process serves: called directly, the value itself passed on, whatever its size:
    /// limits of messages hold [over the network](Request::remote) only.
    pub fn local(mut self, router: Router) -> Self {
        self.local = Some(router);
        self
    }

    /// Wraps; those on [`On::Client`](micro_core::wrap::On) surround the calls.
    pub fn wraps(mut self, wraps: Vec<ScopedWrap>) -> Self {
        self.wraps = wraps;
        self
    }

    /// Strategies, time limits and sizes.
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// The client. Starts nothing yet: the first call to a service looks it up.
    pub fn build(self) -> Client {
        let core = ClientState::new(self.config, self.registry, self.wraps);
        let client = Client(Arc::new(ClientInner {
            core: Arc::new(core),
            closed: AtomicBool::new(false),
        }));
        if let Some(router) = self.local {
            client.set_local(router);
        }
        client
    }
}

impl Client {
    /// A builder with the default settings.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Sets what this process serves, replacing what was set before.
    ///
    /// For after building, as services hold clients and a router is made of services. That is a
    /// circle: [`close`](Self::close) opens it.
    pub fn set_local(&self, router: Router) {
        let local = &self.0.core.local;
        let mut local = local.write();
        *local = Some(Arc::new(router));
    }

    /// A unary call, to be awaited.
    ///
    /// On behalf of [the current context](micro_core::context::Context::current): its deadline
    /// holds, its trace goes on.
    pub fn call<Response: Message>(
        &self,
        method: &Arc<MethodInfo>,
        request: impl Message,
    ) -> Request<Response> {
        self.request(method, Body::One(Payload::value(request)))
    }

    /// A call with one request that is answered with a stream.
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

    /// A call with a stream of requests that is answered with one reply.
    ///
    /// The requests are read as fast as the service takes them, while the call is awaited. An
    /// error among them cancels the call, which then fails with it.
    pub fn client_stream<Response: Message>(
        &self,
        method: &Arc<MethodInfo>,
        requests: Streaming<impl Message>,
    ) -> Request<Response> {
        self.request(method, Body::Many(requests.into_payloads()))
    }

    /// A call with a stream of requests that is answered with a stream.
    ///
    /// Once awaited, the requests are read as fast as the service takes them, whether the replies
    /// are read or not; the end of the requests does not end the call, dropping the replies does.
    /// An error among the requests cancels the call, and is the next of the replies.
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

    /// Makes a call as it is, with the deadline and metadata of its context; for callers who do
    /// not know the types.
    ///
    /// Without a deadline the method's timeout holds, else the client's; for streams, which may
    /// go on for ever, that limits only how long opening one may take.
    ///
    /// # Errors
    ///
    /// The service's own; `Unavailable` when no node can be reached, `DeadlineExceeded` when no
    /// reply comes in time, `ResourceExhausted` for what is too large.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future cancels the call; whether its handler has run is not known then.
    pub async fn dispatch(&self, mut call: Call) -> Result<handler::Response> {
        let mut options = Options::default();
        if call.context().deadline().is_none() {
            options.limit = self.default_limit(call.method());
            if let Some(limit) = options.limit {
                *call.context_mut() = call.context().clone().with_deadline(limit.at);
            }
        }
        self.send(call, options).await
    }

    /// Stops all tasks and closes all connections; waits a second at most.
    ///
    /// Calls under way may finish within that second. New calls fail.
    pub async fn close(&self) {
        self.0.closed.store(true, Ordering::Relaxed);
        self.0.core.forget_all();
        self.0.core.tasks.close().await;
    }

    pub(super) async fn send(&self, call: Call, options: Options) -> Result<handler::Response> {
        if self.0.closed.load(Ordering::Relaxed) {
            return Err(Error::cancelled("the client is closed"));
        }
        let core = Arc::clone(&self.0.core);
        let method = core.method(call.method())?;
        let streams = call.method().kind != Kind::Unary;
        let keep: KeepAlive = streams.then(|| -> Arc<dyn Any + Send + Sync> { self.0.clone() });
        let outgoing = ClientEndpoint::new(core, method, options, keep);
        outgoing.send(call).await
    }

    /// How long a call may take unless told. Streams have no end of their own: the client's
    /// timeout is for opening them.
    pub(super) fn default_limit(&self, method: &MethodInfo) -> Option<Limit> {
        match method.options.timeout {
            Some(timeout) => Limit::after(timeout, "the method's timeout"),
            None if method.kind != Kind::Unary => None,
            None => Limit::after(self.0.core.config.timeout, "the client's timeout"),
        }
    }

    #[cfg(test)]
    pub(super) fn core(&self) -> &Arc<ClientState> {
        &self.0.core
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
            .field("registry", &self.0.core.registry)
            .field("wraps", &self.0.core.wraps.len())
            .finish_non_exhaustive()
    }
}
