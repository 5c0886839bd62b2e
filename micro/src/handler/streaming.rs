//! Streams of messages: erased as they pass through wraps and protocols, typed as handlers and
//! callers see them.
//!
//! Nothing here buffers, but for the channel, whose bound its maker names.

use std::fmt;
use std::future::{Future, poll_fn};
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use futures_core::Stream;
use tokio::sync::mpsc;

use crate::codec::Message;
use crate::error::{Error, Result};
use crate::handler::call::{Body, Reply};
use crate::handler::payload::Payload;
use crate::metadata::Metadata;

/// Messages of one direction of a streaming call, and the metadata after the last.
pub struct PayloadStream {
    messages: Pin<Box<dyn Stream<Item = Result<Payload>> + Send>>,
    trailers: Trailers,
}

/// Metadata that follows a stream's last message: empty until the stream has ended. And metadata
/// that precedes the first, where that becomes known only when the stream is read.
///
/// All clones share it. Written once by whoever produces the stream, read by who consumes it.
#[derive(Debug, Clone, Default)]
pub struct Trailers(Arc<Beside>);

#[derive(Debug, Default)]
struct Beside {
    leading: OnceLock<Metadata>,
    trailing: OnceLock<Metadata>,
}

impl Trailers {
    /// The metadata, once the stream has ended.
    pub fn get(&self) -> Option<&Metadata> {
        self.0.trailing.get()
    }

    /// Says what follows the last message; later words are not heard.
    pub fn set(&self, metadata: Metadata) {
        self.0.trailing.get_or_init(|| metadata);
    }

    /// What precedes the first message, if it became known after the stream itself.
    pub fn leading(&self) -> Option<&Metadata> {
        self.0.leading.get()
    }

    /// Says what precedes the first message; later words are not heard.
    pub fn set_leading(&self, metadata: Metadata) {
        self.0.leading.get_or_init(|| metadata);
    }
}

impl PayloadStream {
    /// A stream from what makes the messages.
    pub fn new(messages: impl Stream<Item = Result<Payload>> + Send + 'static) -> Self {
        Self {
            messages: Box::pin(messages),
            trailers: Trailers::default(),
        }
    }

    /// Replaces the cell in which trailing metadata will be found.
    pub fn with_trailers(mut self, trailers: Trailers) -> Self {
        self.trailers = trailers;
        self
    }

    /// The next message; `None` after the last.
    ///
    /// # Cancel safety
    ///
    /// No message is lost when the future is dropped.
    pub async fn next(&mut self) -> Option<Result<Payload>> {
        poll_fn(|task| self.poll(task)).await
    }

    /// Asks for the next message.
    pub fn poll(&mut self, task: &mut Context<'_>) -> Poll<Option<Result<Payload>>> {
        self.messages.as_mut().poll_next(task)
    }

    /// Where trailing metadata will be found.
    pub fn trailers(&self) -> &Trailers {
        &self.trailers
    }

    /// Passes every message through a function; metadata stays.
    pub fn map(
        self,
        function: impl FnMut(Result<Payload>) -> Result<Payload> + Send + 'static,
    ) -> Self {
        let trailers = self.trailers.clone();
        let messages = Mapped {
            messages: self,
            function,
        };
        Self::new(messages).with_trailers(trailers)
    }
}

impl Stream for PayloadStream {
    type Item = Result<Payload>;

    fn poll_next(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll(task)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.messages.size_hint()
    }
}

impl fmt::Debug for PayloadStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PayloadStream").finish_non_exhaustive()
    }
}

/// Every message through a function.
struct Mapped<Function> {
    messages: PayloadStream,
    function: Function,
}

impl<Function> Unpin for Mapped<Function> {}

impl<Function: FnMut(Result<Payload>) -> Result<Payload>> Stream for Mapped<Function> {
    type Item = Result<Payload>;

    fn poll_next(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = self.messages.poll(task);
        next.map(|next| next.map(|message| (self.function)(message)))
    }
}

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
    metadata: Metadata,
    trailers: Trailers,
    message: PhantomData<fn() -> T>,
}

impl<T: Message> Streaming<T> {
    /// A stream of one's own; items are messages, or results of such.
    pub fn new<S>(messages: S) -> Self
    where
        S: Stream<Item: StreamItem<T>> + Send + 'static,
    {
        Self::from_payloads(PayloadStream::new(Encoded {
            messages: Box::pin(messages),
            message: PhantomData,
        }))
    }

    /// A stream whose messages are sent from elsewhere; the sender waits while `capacity` messages
    /// (at least one) are unread.
    pub fn channel(capacity: usize) -> (Sender<T>, Self) {
        let (sender, receiver) = mpsc::channel(capacity.max(1));
        (Sender(sender), Self::new(Received(receiver)))
    }

    /// A stream that an async function fills: it runs while the stream is read, and is dropped
    /// with it. What it returns as an error ends the stream.
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
    pub fn make<Function, Running>(function: Function) -> Self
    where
        Function: FnOnce(Sender<T>) -> Running,
        Running: Future<Output = Result<()>> + Send + 'static,
    {
        let (sender, receiver) = mpsc::channel(1);
        Self::new(Made {
            making: Some(Box::pin(function(Sender(sender)))),
            receiver,
        })
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
    pub fn from_reply(reply: Reply) -> Result<Self> {
        let (metadata, body) = reply.into_parts();
        let mut stream = Self::from_body(body)?;
        stream.metadata = metadata;
        Ok(stream)
    }

    /// Typed messages from erased ones.
    pub fn from_payloads(messages: PayloadStream) -> Self {
        Self {
            metadata: Metadata::new(),
            trailers: messages.trailers.clone(),
            messages: Some(messages),
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
        poll_fn(|task| Pin::new(&mut *self).poll_next(task)).await
    }

    /// The metadata that came before the first message. Of a bidirectional call it may be empty
    /// until that message is there.
    pub fn metadata(&self) -> &Metadata {
        self.trailers.leading().unwrap_or(&self.metadata)
    }

    /// The metadata that came after the last message; `None` before the end.
    pub fn trailers(&self) -> Option<&Metadata> {
        self.trailers.get()
    }

    /// The messages, erased.
    pub fn into_payloads(self) -> PayloadStream {
        let Self {
            messages, trailers, ..
        } = self;
        messages.unwrap_or_else(|| PayloadStream::new(Over).with_trailers(trailers))
    }
}

impl<T: Message> Stream for Streaming<T> {
    type Item = Result<T>;

    fn poll_next(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(messages) = &mut self.messages else {
            return Poll::Ready(None);
        };
        messages.poll(task).map(|next| {
            let next = next.map(|payload| payload?.into_message());
            if !matches!(next, Some(Ok(_))) {
                self.messages = None;
            }
            next
        })
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

/// The sending end of [`Streaming::channel`] and [`Streaming::make`]. Dropping the last clone ends
/// the stream.
pub struct Sender<T>(mpsc::Sender<Result<T>>);

impl<T: Message> Sender<T> {
    /// Sends a message; waits while the stream is full.
    ///
    /// # Errors
    ///
    /// `Cancelled` when nobody reads any more.
    ///
    /// # Cancel safety
    ///
    /// A dropped future has not sent the message.
    pub async fn send(&self, message: T) -> Result<()> {
        self.put(Ok(message)).await
    }

    /// Sends the error that ends the stream; as [`send`](Self::send) otherwise.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    ///
    /// # Cancel safety
    ///
    /// As [`send`](Self::send).
    pub async fn fail(&self, error: Error) -> Result<()> {
        self.put(Err(error)).await
    }

    async fn put(&self, item: Result<T>) -> Result<()> {
        let sent = self.0.send(item).await;
        sent.map_err(|_| Error::cancelled("nobody reads this stream any more"))
    }

    /// Resolves when nobody reads any more.
    pub async fn closed(&self) {
        self.0.closed().await;
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender")
            .field("is_closed", &self.0.is_closed())
            .finish_non_exhaustive()
    }
}

/// What a stream of `T` may yield: `T` itself, or a result of it.
#[diagnostic::on_unimplemented(
    message = "a stream of `{T}` cannot yield `{Self}`",
    label = "expected items of `{T}` or `micro::Result<{T}>`"
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
    message: PhantomData<fn() -> T>,
}

impl<T: Message, S: Stream<Item: StreamItem<T>>> Stream for Encoded<T, S> {
    type Item = Result<Payload>;

    fn poll_next(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = self.messages.as_mut().poll_next(task);
        next.map(|next| next.map(|item| item.into_item().map(Payload::value)))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.messages.size_hint()
    }
}

struct Received<T>(mpsc::Receiver<Result<T>>);

impl<T> Stream for Received<T> {
    type Item = Result<T>;

    fn poll_next(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(task)
    }
}

/// A function that runs within the stream it fills.
struct Made<T> {
    /// `None` once it has returned.
    making: Option<Pin<Box<dyn Future<Output = Result<()>> + Send>>>,
    receiver: mpsc::Receiver<Result<T>>,
}

impl<T> Stream for Made<T> {
    type Item = Result<T>;

    fn poll_next(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        let mut outcome = Ok(());
        if let Some(making) = &mut this.making
            && let Poll::Ready(result) = making.as_mut().poll(task)
        {
            (outcome, this.making) = (result, None);
        }
        match this.receiver.poll_recv(task) {
            // What was sent comes before what the function returned: nothing else can be sent.
            Poll::Ready(Some(item)) => {
                if let Err(error) = outcome {
                    this.making = Some(Box::pin(async { Err(error) }));
                }
                Poll::Ready(Some(item))
            }
            waiting if outcome.is_ok() => waiting,
            _ => Poll::Ready(outcome.err().map(Err)),
        }
    }
}

/// The stream that is over.
struct Over;

impl Stream for Over {
    type Item = Result<Payload>;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[micro::message]
    #[derive(Debug, PartialEq)]
    struct Number {
        value: u32,
    }

    async fn read(mut stream: Streaming<Number>) -> (Vec<u32>, Option<Error>) {
        let mut values = Vec::new();
        while let Some(next) = stream.next().await {
            match next {
                Ok(number) => values.push(number.value),
                Err(error) => return (values, Some(error)),
            }
        }
        (values, None)
    }

    #[tokio::test]
    async fn a_made_stream_yields_what_was_sent_and_then_the_error() {
        let stream = Streaming::make(|out| async move {
            for value in 0..5 {
                out.send(Number { value }).await?;
            }
            Err(Error::data_loss("no more"))
        });
        let (values, error) = read(stream).await;
        assert_eq!(values, [0, 1, 2, 3, 4]);
        assert_eq!(error.unwrap().kind(), ErrorKind::DataLoss);
    }

    #[tokio::test]
    async fn a_made_stream_that_keeps_its_sender_elsewhere_goes_on_until_that_is_dropped() {
        let (hand, take) = tokio::sync::oneshot::channel();
        let stream = Streaming::make(|out| async move {
            assert!(hand.send(out).is_ok());
            Ok(())
        });
        let sending = async {
            let out: Sender<Number> = take.await.unwrap();
            out.send(Number { value: 1 }).await.unwrap();
            out.send(Number { value: 2 }).await.unwrap();
        };
        let ((values, error), ()) = tokio::join!(read(stream), sending);
        assert_eq!((values, error.is_none()), (vec![1, 2], true));
    }

    #[tokio::test]
    async fn a_full_channel_holds_its_sender_back_and_a_dropped_one_tells_it() {
        let (sender, stream) = Streaming::channel(2);
        for value in 0..2 {
            sender.send(Number { value }).await.unwrap();
        }
        let mut third = Box::pin(sender.send(Number { value: 2 }));
        assert!(poll_fn(|task| Poll::Ready(third.as_mut().poll(task).is_pending())).await);
        drop(third);
        drop(stream);
        let error = sender.send(Number { value: 3 }).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Cancelled);
    }

    #[tokio::test]
    async fn nothing_follows_an_error() {
        let (sender, mut stream) = Streaming::<Number>::channel(4);
        sender.fail(Error::aborted("stop")).await.unwrap();
        sender.send(Number { value: 1 }).await.unwrap();
        assert!(stream.next().await.unwrap().is_err());
        assert!(stream.next().await.is_none());
    }
}
