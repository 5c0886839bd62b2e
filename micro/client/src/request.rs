//! `Request`: a call being put together, to be awaited.

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
use micro_core::handler::{Body, BoxFuture, Call, Kind, MethodInfo, ResponseType};
use micro_message::codec::Codec;
use micro_message::error::{Error, Result};
use micro_message::metadata::Metadata;
use micro_wire::Compression;

/// What onward calls inherit of their caller's metadata: W3C trace context and baggage.
const INHERITED: &[&str] = &["traceparent", "tracestate", "baggage"];

/// A call being put together. Await it for the reply, or [`send`](Self::send) it for the reply
/// with its metadata.
///
/// The reply is a message, or [`Streaming`](micro_core::handler::Streaming) of messages where the
/// method answers with a stream. When a stream is there: one that answers a single request, once
/// the service has begun to answer; one that answers a stream of requests, as soon as that can be
/// sent, since the service may wait for the first of them. Its errors, and its
/// [metadata](micro_core::handler::Streaming::metadata), come with its first message then. Dropping
/// the stream cancels the call.
///
/// Its error is [`Error`], or what the method declares as its own: an enum of `#[micro::error]`
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
    /// The first mistake; surfaces when awaited.
    mistake: Option<Error>,
    reply: PhantomData<fn() -> Result<R, E>>,
}

impl<R, E> Request<R, E> {
    /// A call with one request or a stream of them. Without a bound on the reply, for generated
    /// code, which states it elsewhere.
    #[doc(hidden)]
    pub fn with_body(client: Client, method: Arc<MethodInfo>, body: Body) -> Self {
        Self {
            client,
            method,
            body,
            metadata: Metadata::new(),
            options: Options::default(),
            timeout: None,
            parent: Context::current(),
            mistake: None,
            reply: PhantomData,
        }
    }
}

impl<R: ResponseType, E: From<Error> + 'static> Request<R, E> {
    /// How long the call may take, all attempts and the whole of its streams included. Unless set
    /// the method's timeout, else the client's; the caller's own deadline holds in any case.
    ///
    /// The client's timeout does not end streams, which may go on for ever: it limits how long
    /// opening one may take.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// How long the streams of a call may be silent: when no message has passed in either
    /// direction for this long, the call ends with `DeadlineExceeded`. Unless set, for ever.
    pub fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.options.idle = Some(timeout);
        self
    }

    /// How the requests are compressed, instead of the client's way: those that get shorter by it.
    /// `None`: not at all. What is not compiled in is an error when the call is awaited.
    pub fn compress(mut self, compression: impl Into<Option<Compression>>) -> Self {
        self.options.compression = Some(compression.into());
        self
    }

    /// How requests and replies are encoded on the wire: protobuf unless set, which every service
    /// of gRPC knows; JSON can be read as it passes.
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

    /// Only nodes of a version: `1.2` also means `1.2.7`.
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.options.filter = self.options.filter.version(version);
        self
    }

    /// Only nodes that registered this metadata; all labels must fit.
    pub fn label(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.options.filter = self.options.filter.label(key, value);
        self
    }

    /// The rule by which a node is picked, instead of the client's.
    pub fn strategy(mut self, strategy: Strategy) -> Self {
        self.options.strategy = Some(strategy);
        self
    }

    /// Over the network, even when this process serves the method itself.
    ///
    /// Within the process nothing is encoded, so the limits on the size of messages hold only over
    /// the network: a test of them needs this.
    pub fn remote(mut self) -> Self {
        self.options.remote = true;
        self
    }

    /// To the node at this `host:port` only, whatever the registry says.
    pub fn address(mut self, address: impl Into<String>) -> Self {
        self.options.address = Some(address.into());
        self
    }

    /// On whose behalf the call is made, instead of the current context: its deadline holds, its
    /// trace goes on. For tasks that a handler has spawned.
    pub fn context(mut self, context: Context) -> Self {
        self.parent = Some(context);
        self
    }

    /// Makes the call; gives the reply with its metadata.
    ///
    /// # Errors
    ///
    /// As [`Client::dispatch`]; `InvalidArgument` also for metadata that cannot be sent.
    ///
    /// # Cancel safety
    ///
    /// As [`Client::dispatch`].
    pub async fn send(self) -> Result<Response<R>, E> {
        self.sent().await.map_err(E::from)
    }

    async fn sent(self) -> Result<Response<R>> {
        if let Some(mistake) = self.mistake {
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
        Response::read(self.client.send(call, options).await?)
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

/// The caller's trace, as far as the call has none of its own, and the caller's deadline.
fn inherit(parent: &Context, metadata: &mut Metadata) -> Result<Option<Limit>> {
    if !parent.metadata().is_empty() {
        for &key in INHERITED {
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
