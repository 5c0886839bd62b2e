//! `PayloadStream`: messages of one direction of a call, their type erased.

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

/// Messages of one direction of a streaming call, and the metadata after the last.
pub struct PayloadStream {
    messages: Pin<Box<dyn Source>>,
    metadata: StreamMetadata,
}

/// The metadata of a stream: what precedes its first message, where that becomes known only when
/// the stream is read, and what follows its last.
///
/// All clones share it. Written once by whoever produces the stream, read by who consumes it.
#[derive(Debug, Clone, Default)]
pub struct StreamMetadata(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    leading: OnceLock<Metadata>,
    trailing: OnceLock<Metadata>,
}

impl StreamMetadata {
    /// What follows the last message, once the stream has ended.
    pub fn trailing(&self) -> Option<&Metadata> {
        self.0.trailing.get()
    }

    /// Says what follows the last message; later words are not heard.
    pub fn set_trailing(&self, metadata: Metadata) {
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
        Self::from_source(Single(Box::pin(messages)))
    }

    /// The same from what can hand over many at once.
    #[doc(hidden)]
    pub fn from_source(messages: impl Source + 'static) -> Self {
        Self {
            messages: Box::pin(messages),
            metadata: StreamMetadata::default(),
        }
    }

    /// Replaces where its metadata will be found.
    pub fn with_metadata(mut self, metadata: StreamMetadata) -> Self {
        self.metadata = metadata;
        self
    }

    /// The next message; `None` after the last.
    ///
    /// # Cancel safety
    ///
    /// No message is lost when the future is dropped.
    pub async fn next(&mut self) -> Option<Result<Payload>> {
        poll_fn(|cx| self.poll(cx)).await
    }

    /// Asks for the next message.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Payload>>> {
        self.messages.as_mut().poll_next(cx)
    }

    /// Puts the messages that are ready into a sink, as [`Source::poll_each`].
    #[doc(hidden)]
    pub fn poll_each(
        &mut self,
        cx: &mut Context<'_>,
        sink: &SharedSink,
    ) -> Poll<Option<Result<()>>> {
        self.messages.as_mut().poll_each(cx, sink)
    }

    /// As [`Source::is_queue`].
    #[doc(hidden)]
    pub fn is_queue(&self) -> bool {
        self.messages.is_queue()
    }

    /// Where its metadata will be found.
    pub fn metadata(&self) -> &StreamMetadata {
        &self.metadata
    }

    /// Passes every message through a function; metadata stays.
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

/// Every message through a function.
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
