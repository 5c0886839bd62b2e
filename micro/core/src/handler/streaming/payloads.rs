//! `PayloadStream`: a type-erased stream of messages.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use futures_core::Stream;

use crate::handler::payload::Payload;
use crate::handler::streaming::source::{SharedSink, Single, Source};
use micro_message::error::Result;
use micro_message::metadata::Metadata;

/// The messages of one direction of a streaming call, and the metadata around them.
pub struct PayloadStream {
    messages: Pin<Box<dyn Source>>,
    metadata: StreamMetadata,
}

/// The metadata of a stream: the metadata that follows the last message, and the metadata that
/// precedes the first message if it becomes known only when the stream is read.
///
/// All clones share the metadata. The producer of the stream sets it once, and the consumer reads
/// it.
#[derive(Debug, Clone, Default)]
pub struct StreamMetadata(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    leading: OnceLock<Metadata>,
    trailing: OnceLock<Metadata>,
}

impl StreamMetadata {
    /// Returns the metadata that follows the last message. `None` until the stream has ended.
    pub fn trailing(&self) -> Option<&Metadata> {
        self.0.trailing.get()
    }

    /// Sets the metadata that follows the last message. Further calls have no effect.
    pub fn set_trailing(&self, metadata: Metadata) {
        self.0.trailing.get_or_init(|| metadata);
    }

    /// Returns the metadata that precedes the first message, if it became known after the stream
    /// was created.
    pub fn leading(&self) -> Option<&Metadata> {
        self.0.leading.get()
    }

    /// Sets the metadata that precedes the first message. Further calls have no effect.
    pub fn set_leading(&self, metadata: Metadata) {
        self.0.leading.get_or_init(|| metadata);
    }
}

impl PayloadStream {
    /// Creates a payload stream from a stream of payloads.
    pub fn new(messages: impl Stream<Item = Result<Payload>> + Send + 'static) -> Self {
        Self::from_source(Single(Box::pin(messages)))
    }

    /// Creates a payload stream from a source, which can pass many messages at once.
    #[doc(hidden)]
    pub fn from_source(messages: impl Source + 'static) -> Self {
        Self {
            messages: Box::pin(messages),
            metadata: StreamMetadata::default(),
        }
    }

    /// Replaces the stream's metadata.
    pub fn with_metadata(mut self, metadata: StreamMetadata) -> Self {
        self.metadata = metadata;
        self
    }

    /// Returns the next message, or `None` after the last.
    ///
    /// # Cancel safety
    ///
    /// No message is lost when the future is dropped.
    pub async fn next(&mut self) -> Option<Result<Payload>> {
        poll_fn(|cx| self.poll(cx)).await
    }

    /// Polls for the next message.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Payload>>> {
        self.messages.as_mut().poll_next(cx)
    }

    /// Puts the messages that are ready into a sink. See [`Source::poll_each`].
    #[doc(hidden)]
    pub fn poll_each(
        &mut self,
        cx: &mut Context<'_>,
        sink: &SharedSink,
    ) -> Poll<Option<Result<()>>> {
        self.messages.as_mut().poll_each(cx, sink)
    }

    /// Whether the source is a queue. See [`Source::is_queue`].
    #[doc(hidden)]
    pub fn is_queue(&self) -> bool {
        self.messages.is_queue()
    }

    /// Returns the stream's metadata.
    pub fn metadata(&self) -> &StreamMetadata {
        &self.metadata
    }

    /// Applies a function to every message. The metadata stays the same.
    pub fn map(
        self,
        function: impl FnMut(Result<Payload>) -> Result<Payload> + Send + 'static,
    ) -> Self {
        let metadata = self.metadata.clone();
        let messages = Mapped {
            messages: self,
            function,
        };
        Self::from_source(messages).with_metadata(metadata)
    }
}

impl Stream for PayloadStream {
    type Item = Result<Payload>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll(cx)
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

/// A stream with a function applied to every message.
struct Mapped<F> {
    messages: PayloadStream,
    function: F,
}

impl<F> Unpin for Mapped<F> {}

impl<F> Source for Mapped<F>
where
    F: FnMut(Result<Payload>) -> Result<Payload> + Send,
{
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Payload>>> {
        let next = self.messages.poll(cx);
        next.map(|next| next.map(|message| (self.function)(message)))
    }
}
