//! `Sender`: the sending end of a stream.

use std::fmt;
use std::future::{Future, poll_fn, ready};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};

use futures_core::Stream;
use micro_wake::poll_unconstrained;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use crate::handler::call::BoxFuture;
use micro_message::codec::Message;
use micro_message::error::{Error, Result};

/// Number of messages that count as one operation against tokio's cooperative budget of the task.
/// The budget makes a task that never waits yield to other tasks after a number of operations. A
/// short message is far less work than the operations the budget is meant for, and yielding costs
/// as much as a hundred messages.
const BUDGET_INTERVAL: u8 = 16;

/// The sending end of [`channel`](super::Streaming::channel) and [`make`](super::Streaming::make).
/// The stream ends when the last clone is dropped.
pub struct Sender<T> {
    channel: mpsc::Sender<Result<T>>,
    /// Number of messages sent since the last counted one.
    uncounted: AtomicU8,
}

impl<T: Message> Sender<T> {
    /// Sends a message. Waits while the stream's buffer is full.
    ///
    /// # Errors
    ///
    /// `Cancelled` if the receiving end is closed.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it completes, the message has not been sent.
    pub async fn send(&self, message: T) -> Result<()> {
        self.put(Ok(message)).await
    }

    /// Sends an error, which ends the stream. Otherwise the same as [`send`](Self::send).
    ///
    /// # Errors
    ///
    /// The errors of [`send`](Self::send).
    ///
    /// # Cancel safety
    ///
    /// The same as for [`send`](Self::send).
    pub async fn fail(&self, error: Error) -> Result<()> {
        self.put(Err(error)).await
    }

    async fn put(&self, item: Result<T>) -> Result<()> {
        let item = if self.is_counted() {
            item
        } else {
            match self.channel.try_send(item) {
                Ok(()) => return Ok(()),
                Err(TrySendError::Full(item) | TrySendError::Closed(item)) => item,
            }
        };
        let sent = self.channel.send(item).await;
        sent.map_err(|_| Error::cancelled("the stream was dropped by its receiver"))
    }

    fn is_counted(&self) -> bool {
        // With two concurrent senders, one message may go uncounted. That does no harm.
        let uncounted = self.uncounted.load(Ordering::Relaxed) + 1;
        self.uncounted
            .store(uncounted % BUDGET_INTERVAL, Ordering::Relaxed);
        uncounted == BUDGET_INTERVAL
    }

    /// Completes when the receiving end is closed.
    pub async fn closed(&self) {
        self.channel.closed().await;
    }
}

impl<T> Sender<T> {
    fn new(channel: mpsc::Sender<Result<T>>) -> Self {
        Self {
            channel,
            uncounted: AtomicU8::new(0),
        }
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Self::new(self.channel.clone())
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender")
            .field("is_closed", &self.channel.is_closed())
            .finish_non_exhaustive()
    }
}

/// Creates a sender and its stream.
pub(super) fn channel<T>(capacity: usize) -> (Sender<T>, ChannelStream<T>) {
    let (sender, receiver) = mpsc::channel(capacity.max(1));
    let received = ChannelStream {
        channel: receiver,
        uncounted: 0,
    };
    (Sender::new(sender), received)
}

/// Creates a stream from an async function that sends its messages, as [`Streaming::make`] does.
/// The function may borrow; the stream then borrows the same data.
///
/// Use it for the `impl Stream` of a method, which may borrow from its service.
///
/// # Examples
///
/// ```
/// use micro::prelude::*;
///
/// # #[micro::message]
/// # struct Number { value: u64 }
/// #[micro::service]
/// struct Primes {
///     #[micro(default)]
///     known: Vec<u64>,
/// }
/// # fn main() {}
///
/// #[micro::service]
/// impl Primes {
///     #[micro::rpc]
///     async fn known(&self) -> Result<impl Stream<Item = Result<Number>>> {
///         Ok(stream(move |out| async move {
///             for &value in &self.known {
///                 out.send(Number { value }).await?;
///             }
///             Ok(())
///         }))
///     }
/// }
/// ```
///
/// [`Streaming::make`]: crate::handler::Streaming::make
pub fn stream<'a, T, F, Fut>(
    function: F,
) -> impl Stream<Item = Result<T>> + Send + Unpin + use<'a, T, F, Fut>
where
    T: Send + 'a,
    F: FnOnce(Sender<T>) -> Fut,
    Fut: Future<Output = Result<()>> + Send + 'a,
{
    generated(function)
}

/// Creates a stream from an async function that sends its messages while the stream is read.
pub(super) fn generated<'a, T, Fut>(function: impl FnOnce(Sender<T>) -> Fut) -> Generated<'a, T>
where
    Fut: Future<Output = Result<()>> + Send + 'a,
{
    let (sender, receiver) = mpsc::channel(1);
    Generated {
        making: Some(Box::pin(function(Sender::new(sender)))),
        receiver,
    }
}

/// The receiving end of a [`Sender`].
pub(super) struct ChannelStream<T> {
    channel: mpsc::Receiver<Result<T>>,
    /// Number of polls since the last counted one.
    uncounted: u8,
}

impl<T> Stream for ChannelStream<T> {
    type Item = Result<T>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        this.uncounted = (this.uncounted + 1) % BUDGET_INTERVAL;
        if this.uncounted == 0 {
            return this.channel.poll_recv(cx);
        }
        let next = poll_fn(|cx| this.channel.poll_recv(cx));
        poll_unconstrained(pin!(next), cx)
    }
}

/// A function that runs within the stream it sends to.
pub(super) struct Generated<'a, T> {
    /// The running function. Once it has failed, a future that returns the error or resumes the
    /// panic. `None` after success.
    making: Option<BoxFuture<'a, Result<()>>>,
    receiver: mpsc::Receiver<Result<T>>,
}

impl<T> Stream for Generated<'_, T> {
    type Item = Result<T>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if let Some(making) = &mut this.making {
            let polled = catch_unwind(AssertUnwindSafe(|| making.as_mut().poll(cx)));
            this.making = match polled {
                Ok(Poll::Pending) => return this.receiver.poll_recv(cx),
                Ok(Poll::Ready(Ok(()))) => None,
                Ok(Poll::Ready(failed)) => Some(Box::pin(ready(failed))),
                Err(panic) => Some(Box::pin(async { resume_unwind(panic) })),
            };
        }
        match this.receiver.poll_recv(cx) {
            // Messages that were already sent come before the error.
            Poll::Ready(Some(item)) => Poll::Ready(Some(item)),
            waiting => match this.making.take() {
                Some(mut failed) => failed.as_mut().poll(cx).map(|failed| failed.err().map(Err)),
                None => waiting,
            },
        }
    }
}
