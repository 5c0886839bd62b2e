//! Streams of messages: type-erased streams for wraps and protocols, typed streams for handlers and
//! callers.
//!
//! The streams do not buffer messages, except for [`Streaming::channel`], which has a capacity.

mod batch;
mod borrowing;
mod payloads;
mod sender;
mod source;

pub use self::batch::{Batch, EncodeFrame};
pub use self::borrowing::StreamSink;
pub(super) use self::borrowing::{AsPayload, reply};
pub use self::payloads::{PayloadStream, StreamMetadata};
pub use self::sender::{Sender, stream};
pub use self::source::{SharedSink, Source};

use std::fmt;
use std::future::{Future, poll_fn};
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;

use crate::handler::call::{Body, Response};
use crate::handler::payload::{Payload, PayloadRef};
use micro_message::codec::Message;
use micro_message::error::{Error, Result};
use micro_message::metadata::Metadata;

/// A typed stream of messages: the requests that a method receives, or the responses that a caller
/// receives.
///
/// The stream ends after the first error. Dropping it cancels the call it belongs to.
///
/// # Examples
///
/// ```
/// use micro::prelude::*;
///
/// # #[micro::message]
/// # struct Number { value: i64 }
/// async fn sum(mut input: Streaming<Number>) -> Result<i64> {
///     let mut sum = 0;
///     while let Some(number) = input.next().await {
///         sum += number?.value;
///     }
///     Ok(sum)
/// }
/// ```
pub struct Streaming<T> {
    /// `None` after the end or an error.
    messages: Option<PayloadStream>,
    metadata: StreamMetadata,
    /// Whether the messages are known to be values of type `T`, because this process produced them.
    is_own: bool,
    message: PhantomData<fn() -> T>,
}

impl<T: Message> Streaming<T> {
    /// Creates a stream from a [`Stream`] of messages, or of results of messages.
    pub fn new<S>(messages: S) -> Self
    where
        S: Stream<Item: StreamItem<T>> + Send + 'static,
    {
        Self::encoded(messages, false)
    }

    fn encoded<S>(messages: S, is_queue: bool) -> Self
    where
        S: Stream<Item: StreamItem<T>> + Send + 'static,
    {
        let messages = PayloadStream::from_source(Encoded {
            messages: Box::pin(messages),
            is_queue,
            message: PhantomData,
        });
        Self {
            is_own: true,
            ..Self::from_payloads(messages)
        }
    }

    /// Creates a stream and a sender for its messages. The sender waits while `capacity` messages
    /// (at least one) are unread.
    pub fn channel(capacity: usize) -> (Sender<T>, Self) {
        let (sender, received) = sender::channel(capacity);
        (sender, Self::encoded(received, true))
    }

    /// Creates a stream from an async function that sends its messages. The function runs while the
    /// stream is read, and is dropped with the stream. If it returns an error, the stream ends with
    /// that error. For a function that borrows, for example from its service, use
    /// [`stream`](crate::handler::stream).
    ///
    /// # Examples
    ///
    /// ```
    /// use micro::prelude::*;
    ///
    /// # #[micro::message]
    /// # struct Number { value: i64 }
    /// let countdown = Streaming::make(|out| async move {
    ///     for value in (0..3).rev() {
    ///         out.send(Number { value }).await?;
    ///     }
    ///     Ok(())
    /// });
    /// # drop(countdown);
    /// ```
    pub fn make<F, Fut>(function: F) -> Self
    where
        F: FnOnce(Sender<T>) -> Fut,
        Fut: Future<Output = Result<()>> + Send + 'static,
    {
        Self::new(sender::generated(function))
    }

    /// Returns the messages of a body.
    ///
    /// # Errors
    ///
    /// `Internal` if the body is one message.
    pub fn from_body(body: Body) -> Result<Self> {
        Ok(Self::from_payloads(body.into_many()?))
    }

    /// Returns the messages of a response, with its metadata.
    ///
    /// # Errors
    ///
    /// The errors of [`from_body`](Self::from_body).
    pub fn from_response(reply: Response) -> Result<Self> {
        let (metadata, body, _) = reply.into_parts();
        let stream = Self::from_body(body)?;
        if !metadata.is_empty() {
            stream.metadata.set_leading(metadata);
        }
        Ok(stream)
    }

    /// Creates a typed stream from a type-erased one.
    pub fn from_payloads(messages: PayloadStream) -> Self {
        Self {
            metadata: messages.metadata().clone(),
            messages: Some(messages),
            is_own: false,
            message: PhantomData,
        }
    }

    /// Returns the next message, or `None` after the last message and after an error.
    ///
    /// # Errors
    ///
    /// The error that the sender ends the stream with. `InvalidArgument` if a message is malformed.
    ///
    /// # Cancel safety
    ///
    /// No message is lost when the future is dropped.
    pub async fn next(&mut self) -> Option<Result<T>> {
        poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }

    /// Returns the metadata that precedes the first message. In a bidirectional call it may be
    /// empty until that message has arrived.
    pub fn metadata(&self) -> &Metadata {
        static EMPTY: Metadata = Metadata::new();
        self.metadata.leading().unwrap_or(&EMPTY)
    }

    /// Returns the metadata that follows the last message, or `None` before the end.
    pub fn trailers(&self) -> Option<&Metadata> {
        self.metadata.trailing()
    }

    /// Converts to a type-erased stream. Received bytes are decoded on the way. The stream ends
    /// with an error at a message that is not a `T`.
    pub fn into_payloads(self) -> PayloadStream {
        if !self.is_own && self.messages.is_some() {
            let metadata = self.metadata.clone();
            return Self::new(self).into_payloads().with_metadata(metadata);
        }
        let Self {
            messages, metadata, ..
        } = self;
        messages.unwrap_or_else(|| PayloadStream::from_source(Ended).with_metadata(metadata))
    }
}

impl<T: Message> Stream for Streaming<T> {
    type Item = Result<T>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(messages) = &mut self.messages else {
            return Poll::Ready(None);
        };
        let ended = match ready!(messages.poll(cx)) {
            Some(Ok(payload)) => match payload.into_message() {
                Ok(message) => return Poll::Ready(Some(Ok(message))),
                Err(error) => Some(Err(error)),
            },
            Some(Err(error)) => Some(Err(error)),
            None => None,
        };
        self.messages = None;
        Poll::Ready(ended)
    }
}

impl<T> fmt::Debug for Streaming<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Streaming")
            .field("metadata", &self.metadata)
            .field("is_over", &self.messages.is_none())
            .finish_non_exhaustive()
    }
}

/// An item of a stream of `T`: `T` itself, or a result of it.
#[diagnostic::on_unimplemented(
    message = "a stream of `{T}` cannot yield `{Self}`",
    label = "expected `{T}` or `micro::Result<{T}>`"
)]
pub trait StreamItem<T> {
    /// Returns the message, or the error that ends the stream.
    fn into_item(self) -> Result<T>;
}

impl<T> StreamItem<T> for T {
    fn into_item(self) -> Result<T> {
        Ok(self)
    }
}

impl<T, E: Into<Error>> StreamItem<T> for Result<T, E> {
    fn into_item(self) -> Result<T> {
        self.map_err(Into::into)
    }
}

/// Adapter from a stream of typed messages to a [`Source`].
struct Encoded<T, S> {
    messages: Pin<Box<S>>,
    is_queue: bool,
    message: PhantomData<fn() -> T>,
}

impl<T: Message, S: Stream<Item: StreamItem<T>>> Encoded<T, S> {
    fn poll_item(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<T>>> {
        let next = self.messages.as_mut().poll_next(cx);
        next.map(|next| next.map(StreamItem::into_item))
    }
}

impl<T: Message, S: Stream<Item: StreamItem<T>> + Send> Source for Encoded<T, S> {
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Payload>>> {
        let next = self.poll_item(cx);
        next.map(|next| next.map(|item| item.map(Payload::value)))
    }

    fn poll_each(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        sink: &SharedSink,
    ) -> Poll<Option<Result<()>>> {
        let mut sink = sink.lock();
        while let Some(item) = ready!(self.poll_item(cx)) {
            match item {
                Err(error) => return Poll::Ready(Some(Err(error))),
                Ok(message) if sink.put(PayloadRef::Value(&message)).is_break() => {
                    return Poll::Ready(Some(Ok(())));
                }
                Ok(_) => {}
            }
        }
        Poll::Ready(None)
    }

    fn is_queue(&self) -> bool {
        self.is_queue
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.messages.size_hint()
    }
}

/// A stream that has ended.
struct Ended;

impl Source for Ended {
    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Payload>>> {
        Poll::Ready(None)
    }
}

#[cfg(test)]
mod tests;
