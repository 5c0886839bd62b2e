//! `Sender`: the end of a stream into which messages are put.

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

/// Every how many messages one counts against the budget of who sends or takes them, by which the
/// runtime has tasks that need not wait give way to others. A short message is far less work than
/// what such a budget is meant for, and giving way costs as much as a hundred of them.
const BUDGET_INTERVAL: u8 = 16;

/// The sending end of [`channel`](super::Streaming::channel) and [`make`](super::Streaming::make).
/// Dropping the last clone ends the stream.
pub struct Sender<T> {
    channel: mpsc::Sender<Result<T>>,
    /// How many messages were sent without being counted.
    uncounted: AtomicU8,
}

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
        let item = if self.is_counted() {
            item
        } else {
            match self.channel.try_send(item) {
                Ok(()) => return Ok(()),
                Err(TrySendError::Full(item) | TrySendError::Closed(item)) => item,
            }
        };
        let sent = self.channel.send(item).await;
        sent.map_err(|_| Error::cancelled("nobody reads this stream any more"))
    }

    fn is_counted(&self) -> bool {
        // Of two who send at once one may be forgotten.
        let uncounted = self.uncounted.load(Ordering::Relaxed) + 1;
        self.uncounted
            .store(uncounted % BUDGET_INTERVAL, Ordering::Relaxed);
        uncounted == BUDGET_INTERVAL
    }

    /// Resolves when nobody reads any more.
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

/// A sender and the stream it fills.
pub(super) fn channel<T>(capacity: usize) -> (Sender<T>, ChannelStream<T>) {
    let (sender, receiver) = mpsc::channel(capacity.max(1));
    let received = ChannelStream {
        channel: receiver,
        uncounted: 0,
    };
    (Sender::new(sender), received)
}

/// A stream that an async function fills while it is read, as [`Streaming::make`] gives one; what
/// the function borrows, the stream borrows, too.
///
/// For the `impl Stream` of a method, which may borrow from its service.
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

/// The stream that an async function fills while it is read.
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

/// What a sender sends.
pub(super) struct ChannelStream<T> {
    channel: mpsc::Receiver<Result<T>>,
    /// How many messages were asked for without being counted.
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

/// A function that runs within the stream it fills.
pub(super) struct Generated<'a, T> {
    /// How it failed, once it has; `None` after success.
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
            // What was sent comes before how the function failed.
            Poll::Ready(Some(item)) => Poll::Ready(Some(item)),
            waiting => match this.making.take() {
                Some(mut failed) => failed.as_mut().poll(cx).map(|failed| failed.err().map(Err)),
                None => waiting,
            },
        }
    }
}
