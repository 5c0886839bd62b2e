//! Responses that are a stream of any type, including streams that borrow from their service.
//!
//! Such a stream cannot outlive the values it borrows. Therefore the function, its arguments and
//! its stream form one future. The reader polls that future, which puts messages into a shared
//! sink.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use micro_wake::sync::Mutex;

use crate::handler::call::{Body, Response};
use crate::handler::payload::{Payload, PayloadRef};
use crate::handler::streaming::StreamItem;
use crate::handler::streaming::payloads::PayloadStream;
use crate::handler::streaming::source::{SharedSink, Source};
use micro_message::error::{Error, Result};

/// A borrowed view of a message.
pub(in crate::handler) type AsPayload<A> = fn(&A) -> PayloadRef<'_>;

/// Passes messages from a function and its stream to the reader.
///
/// Both run within the reader's poll, so the lock is never contended.
pub struct StreamSink<A>(Arc<Mutex<SinkState<A>>>);

struct SinkState<A> {
    /// Whether the function has returned its stream.
    is_open: bool,
    /// The sink for messages while the reader takes many at once.
    sink: Option<SharedSink>,
    as_payload: AsPayload<A>,
    /// The item that the reader has not taken yet.
    pending: Option<SinkItem<A>>,
}

enum SinkItem<A> {
    /// A message, for a reader that takes one at a time.
    Message(A),
    /// The sink accepts no more messages for now.
    Full,
    Error(Error),
}

impl<A> StreamSink<A> {
    /// Creates the two ends: one for the function, one for the reader.
    pub(in crate::handler) fn pair(as_payload: AsPayload<A>) -> (Self, Self) {
        let slot = Arc::new(Mutex::new(SinkState {
            is_open: false,
            sink: None,
            as_payload,
            pending: None,
        }));
        (Self(Arc::clone(&slot)), Self(slot))
    }

    /// Reads a stream: one message per poll, or as many messages as the reader's sink accepts.
    ///
    /// After it has passed an item, it returns `Pending` without registering a waker: the reader,
    /// which polled it, takes the item and polls again.
    pub async fn pump<S>(self, stream: Result<S>) -> Result<()>
    where
        S: Stream<Item: StreamItem<A>>,
    {
        let mut stream = pin!(stream?);
        let mut is_open = false;
        poll_fn(|cx| {
            if !std::mem::replace(&mut is_open, true) {
                self.with(|slot| slot.is_open = true);
                return Poll::Pending;
            }
            let pending = match self.with(|slot| (slot.sink.clone(), slot.as_payload)) {
                (None, _) => single(stream.as_mut().poll_next(cx)),
                (Some(sink), as_payload) => fill(stream.as_mut(), cx, &sink, as_payload),
            };
            let Some(pending) = ready!(pending) else {
                return Poll::Ready(());
            };
            self.with(|slot| slot.pending = Some(pending));
            Poll::Pending
        })
        .await;
        Ok(())
    }

    fn with<T>(&self, as_payload: impl FnOnce(&mut SinkState<A>) -> T) -> T {
        as_payload(&mut self.0.lock())
    }
}

impl<A> fmt::Debug for StreamSink<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamSink").finish_non_exhaustive()
    }
}

/// Creates the response of a function that pumps its stream into a [`StreamSink`].
///
/// # Errors
///
/// The function's error, if it does not return a stream.
pub(in crate::handler) async fn reply<A, Fut>(
    mut running: Pin<Box<Fut>>,
    slot: StreamSink<A>,
    payload: fn(A) -> Payload,
) -> Result<Response>
where
    A: Send + 'static,
    Fut: Future<Output = Result<()>> + Send + 'static,
{
    opened(running.as_mut(), &slot).await?;
    let messages = PayloadStream::from_source(FunctionStream {
        running: Some(running),
        slot,
        payload,
    });
    Ok(Response::from_body(Body::Many(messages)))
}

/// Runs a function until it has returned its stream.
async fn opened<A>(
    mut running: Pin<&mut (impl Future<Output = Result<()>> + Send)>,
    slot: &StreamSink<A>,
) -> Result<()> {
    poll_fn(|cx| match running.as_mut().poll(cx) {
        Poll::Pending if !slot.with(|slot| slot.is_open) => Poll::Pending,
        Poll::Pending => Poll::Ready(Ok(())),
        Poll::Ready(outcome) => Poll::Ready(outcome),
    })
    .await
}

fn single<A>(next: Poll<Option<impl StreamItem<A>>>) -> Poll<Option<SinkItem<A>>> {
    let pending = |item: Result<A>| item.map_or_else(SinkItem::Error, SinkItem::Message);
    next.map(|next| next.map(|item| pending(item.into_item())))
}

/// Puts the messages that are ready into a sink.
fn fill<A>(
    mut stream: Pin<&mut impl Stream<Item: StreamItem<A>>>,
    cx: &mut Context<'_>,
    sink: &SharedSink,
    as_payload: AsPayload<A>,
) -> Poll<Option<SinkItem<A>>> {
    let mut sink = sink.lock();
    while let Some(item) = ready!(stream.as_mut().poll_next(cx)) {
        match item.into_item() {
            Err(error) => return Poll::Ready(Some(SinkItem::Error(error))),
            Ok(message) if sink.put(as_payload(&message)).is_break() => {
                return Poll::Ready(Some(SinkItem::Full));
            }
            Ok(_) => {}
        }
    }
    Poll::Ready(None)
}

/// A function, its stream and everything they borrow, as a source of messages.
struct FunctionStream<A, Fut> {
    /// `None` after the function has ended.
    running: Option<Pin<Box<Fut>>>,
    slot: StreamSink<A>,
    payload: fn(A) -> Payload,
}

impl<A, Fut: Future<Output = Result<()>>> FunctionStream<A, Fut> {
    /// Polls the function for its next item.
    fn poll_laid(
        &mut self,
        cx: &mut Context<'_>,
        sink: Option<&SharedSink>,
    ) -> Poll<Option<SinkItem<A>>> {
        let Some(running) = &mut self.running else {
            return Poll::Ready(None);
        };
        self.slot.with(|slot| slot.sink = sink.cloned());
        if let Poll::Ready(outcome) = running.as_mut().poll(cx) {
            self.running = None;
            return Poll::Ready(outcome.err().map(SinkItem::Error));
        }
        match self.slot.with(|slot| slot.pending.take()) {
            None => Poll::Pending,
            pending => Poll::Ready(pending),
        }
    }
}

impl<A, Fut> Source for FunctionStream<A, Fut>
where
    A: Send,
    Fut: Future<Output = Result<()>> + Send,
{
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Payload>>> {
        Poll::Ready(loop {
            match ready!(self.poll_laid(cx, None)) {
                None => break None,
                Some(SinkItem::Message(message)) => break Some(Ok((self.payload)(message))),
                Some(SinkItem::Error(error)) => break Some(Err(error)),
                // The function returns this only if a sink is set. Without one, poll again.
                Some(SinkItem::Full) => {}
            }
        })
    }

    fn poll_each(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        sink: &SharedSink,
    ) -> Poll<Option<Result<()>>> {
        Poll::Ready(loop {
            match ready!(self.poll_laid(cx, Some(sink))) {
                None => break None,
                Some(SinkItem::Full) => break Some(Ok(())),
                Some(SinkItem::Error(error)) => break Some(Err(error)),
                Some(SinkItem::Message(message)) => {
                    let as_payload = self.slot.with(|slot| slot.as_payload);
                    if sink.lock().put(as_payload(&message)).is_break() {
                        break Some(Ok(()));
                    }
                }
            }
        })
    }
}
