//! Streams of messages: erased as they pass through wraps and protocols, typed as handlers and
//! callers see them.
//!
//! Nothing here buffers, but for the channel, whose bound its maker names.

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

/// A typed stream of messages: what a method receives from a streaming caller, and what a caller
/// receives from a streaming method.
///
/// It ends after the first error. Dropping it cancels the call it belongs to.
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
    /// Whether the messages were made here: what came from elsewhere need not be `T`s.
    is_own: bool,
    message: PhantomData<fn() -> T>,
}

impl<T: Message> Streaming<T> {
    /// A stream of one's own; items are messages, or results of such.
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

    /// A stream whose messages are sent from elsewhere; the sender waits while `capacity` messages
    /// (at least one) are unread.
    pub fn channel(capacity: usize) -> (Sender<T>, Self) {
        let (sender, received) = sender::channel(capacity);
        (sender, Self::encoded(received, true))
    }

    /// A stream that an async function fills: it runs while the stream is read, and is dropped
    /// with it. What it returns as an error ends the stream. A function that borrows, for example
    /// from its service, is for [`stream`](crate::handler::stream).
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

    /// The messages of a body.
    ///
    /// # Errors
    ///
    /// `Internal` when it is one message.
    pub fn from_body(body: Body) -> Result<Self> {
        Ok(Self::from_payloads(body.into_many()?))
    }

    /// The messages of a reply, with its metadata.
    ///
    /// # Errors
    ///
    /// As [`from_body`](Self::from_body).
    pub fn from_response(reply: Response) -> Result<Self> {
        let (metadata, body, _) = reply.into_parts();
        let stream = Self::from_body(body)?;
        if !metadata.is_empty() {
            stream.metadata.set_leading(metadata);
        }
        Ok(stream)
    }

    /// Typed messages from erased ones.
    pub fn from_payloads(messages: PayloadStream) -> Self {
        Self {
            metadata: messages.metadata().clone(),
            messages: Some(messages),
            is_own: false,
            message: PhantomData,
        }
    }

    /// The next message; `None` after the last, and after an error.
    ///
    /// # Errors
    ///
    /// The other side's; `InvalidArgument` when a message is malformed.
    ///
    /// # Cancel safety
    ///
    /// No message is lost when the future is dropped.
    pub async fn next(&mut self) -> Option<Result<T>> {
        poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }

    /// The metadata that came before the first message. Of a bidirectional call it may be empty
    /// until that message is there.
    pub fn metadata(&self) -> &Metadata {
        static EMPTY: Metadata = Metadata::new();
        self.metadata.leading().unwrap_or(&EMPTY)
    }

    /// The metadata that came after the last message; `None` before the end.
    pub fn trailers(&self) -> Option<&Metadata> {
        self.metadata.trailing()
    }

    /// The messages, erased. Bytes that came from elsewhere are read on the way, and the stream
    /// ends with an error at those that are no `T`.
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

/// What a stream of `T` may yield: `T` itself, or a result of it.
#[diagnostic::on_unimplemented(
    message = "a stream of `{T}` cannot yield `{Self}`",
    label = "expected `{T}` or `micro::Result<{T}>`"
)]
pub trait StreamItem<T> {
    /// The message, or the error that ends the stream.
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

/// Typed messages on their way to a protocol.
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

/// The stream that is over.
struct Ended;

impl Source for Ended {
    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Payload>>> {
        Poll::Ready(None)
    }
}

#[cfg(test)]
mod tests;
