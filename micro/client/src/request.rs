//! `Request`: a call that has not been sent yet.

use std::borrow::Cow;
use std::future::IntoFuture;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use crate::handle::Client;
use crate::options::{Limit, Options};
use crate::response::Response;
use crate::selector::Strategy;
use micro_core::context::Context;
use micro_core::handler::{self, Body, BoxFuture, Call, Kind, MethodInfo, ResponseType};
use micro_message::codec::Codec;
use micro_message::error::{Error, Result};
use micro_message::internal::INHERITED;
use micro_message::metadata::Metadata;
use micro_wire::Compression;

/// A call that has not been sent yet. Await it to send it and get the response, or use
/// [`send`](Self::send) to get the response with its metadata.
///
/// The response is a message, or a [`Streaming`](micro_core::handler::Streaming) of messages if the
/// method returns a stream. A call with one request returns the stream once the service has begun
/// to respond. A call with a stream of requests returns it as soon as the requests can be sent,
/// since the service may wait for the first of them. Errors and
/// [metadata](micro_core::handler::Streaming::metadata) then arrive with the first message.
/// Dropping the stream cancels the call.
///
/// The error type is [`Error`], or the type that the method declares: an enum of `#[micro::error]`
/// with a variant for all other errors.
#[must_use = "a call is not made until it is awaited"]
pub struct Request<R, E = Error> {
    client: Client,
    method: Arc<MethodInfo>,
    body: Body,
    metadata: Metadata,
    options: Options,
    timeout: Option<Duration>,
    parent: Option<Context>,
    /// The first invalid option; returned when the call is awaited.
    mistake: Option<Error>,
    reply: PhantomData<fn() -> Result<R, E>>,
}

impl<R, E> Request<R, E> {
    /// Creates a call with one request or a stream of requests. The response type has no bound
    /// here, because generated code states the bound elsewhere.
    #[doc(hidden)]
    pub fn with_body(client: Client, method: Arc<MethodInfo>, body: Body) -> Self {
        let options = Options {
            filter: client.filter(),
            ..Options::default()
        };
        Self {
            client,
            method,
            body,
            metadata: Metadata::new(),
            options,
            timeout: None,
            parent: Context::current(),
            mistake: None,
            reply: PhantomData,
        }
    }
}

impl<R: ResponseType, E: From<Error> + 'static> Request<R, E> {
    /// Sets the timeout of the call, including all attempts and the whole of its streams. Default:
    /// the method's timeout, else the client's. The caller's own deadline applies in any case.
    ///
    /// The client's timeout does not end streams, which may run without end: it limits only the
    /// time to open one.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Sets the idle timeout of the call's streams: if no message passes in either direction for
    /// this long, the call ends with `DeadlineExceeded`. Default: no timeout.
    pub fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.options.idle = Some(timeout);
        self
    }

    /// Sets the compression of the requests, instead of the client's. A message is compressed only
    /// if that makes it shorter. `None` disables compression. A compression that is not compiled in
    /// is an error when the call is awaited.
    pub fn compress(mut self, compression: impl Into<Option<Compression>>) -> Self {
        self.options.compression = Some(compression.into());
        self
    }

    /// Sets the codec of requests and responses. Default: protobuf, which every gRPC service
    /// supports. JSON is readable on the wire.
    pub fn codec(mut self, codec: Codec) -> Self {
        self.options.codec = codec;
        self
    }

    /// Adds metadata. A key or value that cannot be sent is an error when the call is awaited.
    pub fn metadata(mut self, key: impl Into<Cow<'static, str>>, value: impl Into<String>) -> Self {
        if let Err(error) = self.metadata.append(key, value) {
            self.mistake.get_or_insert(error);
        }
        self
    }

    /// Replaces the metadata.
    #[cfg(feature = "tower")]
    pub(crate) fn with_metadata(mut self, metadata: Metadata) -> Self {
        self.metadata = metadata;
        self
    }

    /// Restricts the call to nodes of a version: `1.2` also matches `1.2.7`.
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.options.filter = self.options.filter.version(version);
        self
    }

    /// Restricts the call to nodes that registered this metadata. If there are several labels, all
    /// must match.
    pub fn label(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.options.filter = self.options.filter.label(key, value);
        self
    }

    /// Sets the strategy for picking a node, instead of the client's.
    pub fn strategy(mut self, strategy: Strategy) -> Self {
        self.options.strategy = Some(strategy);
        self
    }

    /// Sends the call over the network, even if this process serves the method.
    ///
    /// Calls within the process are not encoded, so limits on message size apply only over the
    /// network. Tests of these limits need this option.
    pub fn remote(mut self) -> Self {
        self.options.remote = true;
        self
    }

    /// Sends the call only to the node at this `host:port`, regardless of the registry.
    pub fn address(mut self, address: impl Into<String>) -> Self {
        self.options.address = Some(address.into());
        self
    }

    /// Sets the context on whose behalf the call is made, instead of the current one. The call
    /// inherits its deadline and trace. Use this in tasks that a handler has spawned.
    pub fn context(mut self, context: Context) -> Self {
        self.parent = Some(context);
        self
    }

    /// Sends the call and returns the response with its metadata.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`Client::dispatch`], and `InvalidArgument` for metadata that cannot
    /// be sent.
    ///
    /// # Cancel safety
    ///
    /// The same as for [`Client::dispatch`].
    pub async fn send(self) -> Result<Response<R>, E> {
        self.sent().await.map_err(E::from)
    }

    async fn sent(mut self) -> Result<Response<R>> {
        if let Some(mistake) = self.mistake.take() {
            return Err(mistake);
        }
        let called = kind_of(matches!(self.body, Body::Many(_)), R::STREAMS);
        if called != self.method.kind {
            return Err(Error::invalid_argument(format!(
                "`{}` is {}, it cannot be called as {}",
                self.method.path,
                words(self.method.kind),
                words(called)
            )));
        }
        Response::read(self.dispatch().await?)
    }

    /// Sends the call and returns its response without reading it.
    pub(crate) async fn dispatch(self) -> Result<handler::Response> {
        let own = match self.timeout {
            Some(timeout) => Limit::after(timeout, "the call's timeout"),
            None => self.client.default_limit(&self.method),
        };
        let (mut metadata, mut options) = (self.metadata, self.options);
        options.limit = own;
        if let Some(parent) = &self.parent {
            options.limit = Limit::earlier(own, inherit(parent, &mut metadata)?);
        }
        let mut context = Context::new().with_metadata(metadata);
        if let Some(limit) = options.limit {
            context = context.with_deadline(limit.at);
        }
        let call = Call::new(context, self.method, self.body);
        self.client.send(call, options).await
    }
}

fn kind_of(requests: bool, replies: bool) -> Kind {
    match (requests, replies) {
        (false, false) => Kind::Unary,
        (false, true) => Kind::ServerStream,
        (true, false) => Kind::ClientStream,
        (true, true) => Kind::Bidirectional,
    }
}

fn words(kind: Kind) -> &'static str {
    match kind {
        Kind::Unary => "a unary method",
        Kind::ServerStream => "a server stream",
        Kind::ClientStream => "a client stream",
        Kind::Bidirectional => "a bidirectional stream",
    }
}

/// Adds the caller's trace to the metadata, except the keys that the call sets itself. Returns the
/// caller's deadline.
fn inherit(parent: &Context, metadata: &mut Metadata) -> Result<Option<Limit>> {
    if !parent.metadata().is_empty() {
        for key in INHERITED {
            if metadata.get(key).is_some() {
                continue;
            }
            for value in parent.metadata().get_all(key) {
                metadata.append(key, value)?;
            }
        }
    }
    let left = parent.deadline().zip(parent.remaining());
    Ok(left.map(|(at, length)| Limit {
        at,
        length,
        whose: "what the caller had left",
    }))
}

impl<R: ResponseType, E: From<Error> + 'static> IntoFuture for Request<R, E> {
    type Output = Result<R, E>;
    type IntoFuture = BoxFuture<'static, Result<R, E>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let sent = self.sent().await;
            sent.map(|reply| reply.message).map_err(E::from)
        })
    }
}

impl<R, E> std::fmt::Debug for Request<R, E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Request")
            .field("path", &self.method.path)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
