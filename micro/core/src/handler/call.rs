//! `Call` and `Response`: what wraps see and handlers get, whatever the protocol.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::context::Context;
use crate::handler::info::MethodInfo;
use crate::handler::payload::Payload;
use crate::handler::streaming::{PayloadStream, StreamMetadata, Streaming};
use micro_message::codec::Message;
use micro_message::error::{Error, Result};
use micro_message::metadata::Metadata;

/// A boxed future that can move between threads.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The message of a unary side, or the messages of a streaming one.
pub enum Body {
    /// One message.
    One(Payload),
    /// A stream of messages.
    Many(PayloadStream),
}

impl Body {
    /// The one message.
    ///
    /// # Errors
    ///
    /// `Internal` when it is a stream.
    pub fn into_one(self) -> Result<Payload> {
        match self {
            Self::One(payload) => Ok(payload),
            Self::Many(_) => Err(Error::internal("expected one message, got a stream")),
        }
    }

    /// The stream of messages.
    ///
    /// # Errors
    ///
    /// `Internal` when it is one message.
    pub fn into_many(self) -> Result<PayloadStream> {
        match self {
            Self::Many(messages) => Ok(messages),
            Self::One(_) => Err(Error::internal("expected a stream, got one message")),
        }
    }

    /// Passes every message, one or many, through a function of its type.
    fn map<M: Message>(
        self,
        mut function: impl FnMut(M) -> Result<M> + Send + 'static,
    ) -> Result<Self> {
        let mut map = move |payload: Payload| {
            let message = function(payload.into_message()?)?;
            Ok(Payload::value(message))
        };
        Ok(match self {
            Self::One(payload) => Self::One(map(payload)?),
            Self::Many(messages) => Self::Many(messages.map(move |next| next.and_then(&mut map))),
        })
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(payload) => f.debug_tuple("One").field(payload).finish(),
            Self::Many(_) => f.write_str("Many"),
        }
    }
}

/// A call on its way to a method: on the calling side as on the serving side.
#[derive(Debug)]
pub struct Call {
    context: Context,
    method: Arc<MethodInfo>,
    body: Body,
}

impl Call {
    /// A call of a method.
    pub fn new(context: Context, method: Arc<MethodInfo>, body: Body) -> Self {
        Self {
            context,
            method,
            body,
        }
    }

    /// What is called.
    pub fn method(&self) -> &Arc<MethodInfo> {
        &self.method
    }

    /// Deadline, metadata, caller, cancellation.
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// The context, to replace: `*call.context_mut() = …`.
    pub fn context_mut(&mut self) -> &mut Context {
        &mut self.context
    }

    /// The caller's metadata.
    pub fn metadata(&self) -> &Metadata {
        self.context.metadata()
    }

    /// The metadata, to change: the next wrap, the handler or the wire sees the change.
    pub fn metadata_mut(&mut self) -> &mut Metadata {
        self.context.metadata_mut()
    }

    /// The decoded request of a unary call or server stream; decoded once, on the first look.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` when the request is malformed; `Internal` when `M` is not its type or
    /// the requests are a stream.
    pub fn request<M: Message>(&mut self) -> Result<&M> {
        match &mut self.body {
            Body::One(payload) => payload.get(),
            Body::Many(_) => Err(Error::internal("the requests of this call are a stream")),
        }
    }

    /// Passes every request of the call, one or many, through a function.
    ///
    /// # Errors
    ///
    /// The function's, and as [`request`](Self::request); in a stream they take the place of the
    /// message.
    pub fn map_requests<M: Message>(
        mut self,
        function: impl FnMut(M) -> Result<M> + Send + 'static,
    ) -> Result<Self> {
        self.body = self.body.map(function)?;
        Ok(self)
    }

    /// A copy to try again with; `None` when the requests are a stream, which passes only once.
    pub fn try_clone(&self) -> Option<Self> {
        match &self.body {
            Body::One(payload) => Some(Self {
                context: self.context.clone(),
                method: Arc::clone(&self.method),
                body: Body::One(payload.clone()),
            }),
            Body::Many(_) => None,
        }
    }

    /// Takes the call apart.
    pub fn into_parts(self) -> (Context, Arc<MethodInfo>, Body) {
        (self.context, self.method, self.body)
    }
}

/// What a method answers: metadata and one message or a stream of them.
#[derive(Debug)]
pub struct Response {
    metadata: Metadata,
    /// Of one message; a stream has its own.
    trailers: Metadata,
    body: Body,
}

impl Response {
    /// A reply of one message.
    pub fn new<M: Message>(message: M) -> Self {
        Self::from_body(Body::One(Payload::value(message)))
    }

    /// A reply of a stream of messages.
    pub fn stream<M: Message>(messages: Streaming<M>) -> Self {
        Self::from_body(Body::Many(messages.into_payloads()))
    }

    /// What a handler answers with a stream: its messages alone. Those of an onward call come with
    /// metadata, which is not the handler's.
    #[doc(hidden)]
    pub fn from_handler<M: Message>(messages: Streaming<M>) -> Self {
        let messages = messages.into_payloads();
        Self::from_body(Body::Many(
            messages.with_metadata(StreamMetadata::default()),
        ))
    }

    /// A reply of any body.
    pub fn from_body(body: Body) -> Self {
        Self {
            metadata: Metadata::new(),
            trailers: Metadata::new(),
            body,
        }
    }

    /// The reply's metadata.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// The reply's metadata, to change.
    pub fn metadata_mut(&mut self) -> &mut Metadata {
        &mut self.metadata
    }

    /// The metadata after a reply of one message; a stream carries its own, as
    /// [`StreamMetadata`](crate::handler::StreamMetadata).
    pub fn trailers(&self) -> &Metadata {
        &self.trailers
    }

    /// The metadata after a reply of one message, to change.
    pub fn trailers_mut(&mut self) -> &mut Metadata {
        &mut self.trailers
    }

    /// The decoded message of a unary reply.
    ///
    /// # Errors
    ///
    /// As [`Call::request`].
    pub fn message<M: Message>(&mut self) -> Result<&M> {
        match &mut self.body {
            Body::One(payload) => payload.get(),
            Body::Many(_) => Err(Error::internal("the replies of this call are a stream")),
        }
    }

    /// Takes the decoded message of a unary reply.
    ///
    /// # Errors
    ///
    /// As [`Call::request`].
    pub fn into_message<M: Message>(self) -> Result<M> {
        self.body.into_one()?.into_message()
    }

    /// Passes every message of the reply, one or many, through a function.
    ///
    /// # Errors
    ///
    /// As [`Call::map_requests`].
    pub fn map_messages<M: Message>(
        mut self,
        function: impl FnMut(M) -> Result<M> + Send + 'static,
    ) -> Result<Self> {
        self.body = self.body.map(function)?;
        Ok(self)
    }

    /// Whether the reply is a stream.
    pub fn is_stream(&self) -> bool {
        matches!(self.body, Body::Many(_))
    }

    /// Puts another body in place of this one.
    pub(super) fn map_body(mut self, function: impl FnOnce(Body) -> Body) -> Self {
        self.body = function(self.body);
        self
    }

    /// Takes the reply apart, in the order in which it goes out: metadata, body, trailers.
    pub fn into_parts(self) -> (Metadata, Body, Metadata) {
        (self.metadata, self.body, self.trailers)
    }
}
