//! `Call` and `Response`: the types that wraps and handlers work with, independent of the protocol.

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

/// A boxed future that is [`Send`].
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The message or messages of one direction of a call.
pub enum Body {
    /// One message.
    One(Payload),
    /// A stream of messages.
    Many(PayloadStream),
}

impl Body {
    /// Returns the message.
    ///
    /// # Errors
    ///
    /// `Internal` if the body is a stream.
    pub fn into_one(self) -> Result<Payload> {
        match self {
            Self::One(payload) => Ok(payload),
            Self::Many(_) => Err(Error::internal("expected one message, got a stream")),
        }
    }

    /// Returns the stream of messages.
    ///
    /// # Errors
    ///
    /// `Internal` if the body is one message.
    pub fn into_many(self) -> Result<PayloadStream> {
        match self {
            Self::Many(messages) => Ok(messages),
            Self::One(_) => Err(Error::internal("expected a stream, got one message")),
        }
    }

    /// Applies a function of the message's type to every message of the body.
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

/// A call of a method, on the calling side or on the serving side.
#[derive(Debug)]
pub struct Call {
    context: Context,
    method: Arc<MethodInfo>,
    body: Body,
}

impl Call {
    /// Creates a call.
    pub fn new(context: Context, method: Arc<MethodInfo>, body: Body) -> Self {
        Self {
            context,
            method,
            body,
        }
    }

    /// Returns the method that is called.
    pub fn method(&self) -> &Arc<MethodInfo> {
        &self.method
    }

    /// Returns the context: deadline, metadata, caller and cancellation.
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// Returns the context for replacing: `*call.context_mut() = …`.
    pub fn context_mut(&mut self) -> &mut Context {
        &mut self.context
    }

    /// Returns the caller's metadata.
    pub fn metadata(&self) -> &Metadata {
        self.context.metadata()
    }

    /// Returns the caller's metadata for changing. The next wrap, the handler or the protocol sees
    /// the changes.
    pub fn metadata_mut(&mut self) -> &mut Metadata {
        self.context.metadata_mut()
    }

    /// Returns the decoded request of a unary call or a server stream. The request is decoded once,
    /// on the first access.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` if the request is malformed. `Internal` if `M` is not its type or the
    /// requests are a stream.
    pub fn request<M: Message>(&mut self) -> Result<&M> {
        match &mut self.body {
            Body::One(payload) => payload.get(),
            Body::Many(_) => Err(Error::internal("the requests of this call are a stream")),
        }
    }

    /// Applies a function to every request of the call.
    ///
    /// # Errors
    ///
    /// The errors of the function and of [`request`](Self::request). In a stream, the error
    /// replaces the message.
    pub fn map_requests<M: Message>(
        mut self,
        function: impl FnMut(M) -> Result<M> + Send + 'static,
    ) -> Result<Self> {
        self.body = self.body.map(function)?;
        Ok(self)
    }

    /// Returns a clone of the call for another attempt, or `None` if the requests are a stream,
    /// which can be read only once.
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

    /// Splits the call into its parts.
    pub fn into_parts(self) -> (Context, Arc<MethodInfo>, Body) {
        (self.context, self.method, self.body)
    }
}

/// The response of a method: metadata, and one message or a stream of messages.
#[derive(Debug)]
pub struct Response {
    metadata: Metadata,
    /// Trailers of a response of one message. A stream has its own.
    trailers: Metadata,
    body: Body,
}

impl Response {
    /// Creates a response of one message.
    pub fn new<M: Message>(message: M) -> Self {
        Self::from_body(Body::One(Payload::value(message)))
    }

    /// Creates a response that is a stream of messages.
    pub fn stream<M: Message>(messages: Streaming<M>) -> Self {
        Self::from_body(Body::Many(messages.into_payloads()))
    }

    /// Creates the response of a handler that returns a stream. It contains the messages only: a
    /// stream of another call also has metadata, which is not the handler's.
    #[doc(hidden)]
    pub fn from_handler<M: Message>(messages: Streaming<M>) -> Self {
        let messages = messages.into_payloads();
        Self::from_body(Body::Many(
            messages.with_metadata(StreamMetadata::default()),
        ))
    }

    /// Creates a response from a body.
    pub fn from_body(body: Body) -> Self {
        Self {
            metadata: Metadata::new(),
            trailers: Metadata::new(),
            body,
        }
    }

    /// Returns the response's metadata.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// Returns the response's metadata for changing.
    pub fn metadata_mut(&mut self) -> &mut Metadata {
        &mut self.metadata
    }

    /// Returns the metadata that follows a response of one message. A stream has its own trailers,
    /// as [`StreamMetadata`](crate::handler::StreamMetadata).
    pub fn trailers(&self) -> &Metadata {
        &self.trailers
    }

    /// Returns the metadata that follows a response of one message, for changing.
    pub fn trailers_mut(&mut self) -> &mut Metadata {
        &mut self.trailers
    }

    /// Returns the decoded message of a unary response.
    ///
    /// # Errors
    ///
    /// The errors of [`Call::request`].
    pub fn message<M: Message>(&mut self) -> Result<&M> {
        match &mut self.body {
            Body::One(payload) => payload.get(),
            Body::Many(_) => Err(Error::internal("the replies of this call are a stream")),
        }
    }

    /// Returns the decoded message of a unary response and consumes the response.
    ///
    /// # Errors
    ///
    /// The errors of [`Call::request`].
    pub fn into_message<M: Message>(self) -> Result<M> {
        self.body.into_one()?.into_message()
    }

    /// Applies a function to every message of the response.
    ///
    /// # Errors
    ///
    /// The errors of [`Call::map_requests`].
    pub fn map_messages<M: Message>(
        mut self,
        function: impl FnMut(M) -> Result<M> + Send + 'static,
    ) -> Result<Self> {
        self.body = self.body.map(function)?;
        Ok(self)
    }

    /// Whether the response is a stream.
    pub fn is_stream(&self) -> bool {
        matches!(self.body, Body::Many(_))
    }

    /// Replaces the body with the result of a function.
    pub(super) fn map_body(mut self, function: impl FnOnce(Body) -> Body) -> Self {
        self.body = function(self.body);
        self
    }

    /// Splits the response into its parts, in the order in which they are sent: metadata, body,
    /// trailers.
    pub fn into_parts(self) -> (Metadata, Body, Metadata) {
        (self.metadata, self.body, self.trailers)
    }
}
