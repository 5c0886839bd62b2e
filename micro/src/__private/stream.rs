//! Methods that answer with a stream of any type, one that borrows from its service included.
//!
//! Such a stream cannot outlive what it borrows. So the function, what it was given and its
//! stream are one future; whoever reads polls that future, and it lays down messages.

#![allow(
    clippy::needless_pass_by_value,
    reason = "values that only carry a type"
)]

use std::convert::Infallible;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use micro_wake::sync::Mutex;

use crate::__private::call::{Look, Yields};
use crate::__private::check::Returned;
use crate::__private::error;
use crate::error::{Error, Result};
use crate::handler::{
    Body, Method, Parts, Payload, PayloadStream, Reply, RequestSpec, SharedSink, Source, StreamItem,
};

/// What a function and its stream have laid down for the reader.
///
/// Both run within the reader's poll, so the lock is never waited for.
pub struct Out<A>(Arc<Mutex<Slot<A>>>);

struct Slot<A> {
    /// Whether the function has returned its stream.
    is_open: bool,
    /// Where messages go while the reader takes many at once.
    sink: Option<SharedSink>,
    look: Look<A>,
    /// What the reader has not taken yet.
    laid: Option<Laid<A>>,
}

enum Laid<A> {
    /// A message for a reader who takes one at a time.
    Message(A),
    /// The sink wants no more for now.
    Full,
    Error(Error),
}

impl<A> Out<A> {
    fn pair(look: Look<A>) -> (Self, Self) {
        let slot = Arc::new(Mutex::new(Slot {
            is_open: false,
            sink: None,
            look,
            laid: None,
        }));
        (Self(Arc::clone(&slot)), Self(slot))
    }

    fn with<T>(&self, look: impl FnOnce(&mut Slot<A>) -> T) -> T {
        look(&mut self.0.lock())
    }
}

impl<A> fmt::Debug for Out<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Out").finish_non_exhaustive()
    }
}

/// A method that answers with a stream.
pub fn stream<Q, A, Function, Running>(
    name: &'static str,
    question: RequestSpec<Q>,
    yields: Yields<A>,
    function: Function,
) -> Method
where
    Q: 'static,
    A: Send + 'static,
    Function: Fn(Parts, Q, Out<A>) -> Running + Clone + Send + Sync + 'static,
    Running: Future<Output = Result<()>> + Send + 'static,
{
    let Yields {
        answer,
        payload,
        look,
        fails,
    } = yields;
    let kind = question.kind(&answer);
    let describe = (question.describe, answer.describe);
    let method = Method::raw(name, kind, describe, move |parts, body| {
        let function = function.clone();
        Box::pin(async move {
            let (theirs, slot) = Out::pair(look);
            let mut running = Box::pin(function(parts, (question.from_body)(body)?, theirs));
            opened(running.as_mut(), &slot).await?;
            let messages = PayloadStream::from_source(Pumped {
                running: Some(running),
                slot,
                payload,
            });
            Ok(Reply::from_body(Body::Many(messages)))
        })
    });
    error::fails(method, fails)
}

/// Runs a function until it has returned its stream.
async fn opened<A>(
    mut running: Pin<&mut (impl Future<Output = Result<()>> + Send)>,
    slot: &Out<A>,
) -> Result<()> {
    poll_fn(|task| match running.as_mut().poll(task) {
        Poll::Pending if !slot.with(|slot| slot.is_open) => Poll::Pending,
        Poll::Pending => Poll::Ready(Ok(())),
        Poll::Ready(outcome) => Poll::Ready(outcome),
    })
    .await
}

/// A stream that is returned without a `Result`.
pub fn bare<S>(stream: S) -> Result<S, Infallible> {
    Ok(stream)
}

/// Reads what a function has returned: one message a poll, or as many as the reader's sink takes.
///
/// It waits without a waker once something lies there: the reader, who polled it, takes that.
///
/// The type that is returned is sure to be one that may move between threads, so that a stream
/// that may not is reported once.
pub fn pump<R, A>(
    returned: R,
    travels: fn(R::Error) -> Error,
    out: Out<A>,
) -> impl Future<Output = Result<()>> + Send
where
    R: Returned<Ok: Stream<Item: StreamItem<A>> + Send>,
    A: Send,
{
    let stream = returned.into_result().map_err(travels);
    async move {
        let mut stream = pin!(stream?);
        let mut is_open = false;
        poll_fn(|task| {
            if !std::mem::replace(&mut is_open, true) {
                out.with(|slot| slot.is_open = true);
                return Poll::Pending;
            }
            let laid = match out.with(|slot| (slot.sink.clone(), slot.look)) {
                (None, _) => single(stream.as_mut().poll_next(task)),
                (Some(sink), look) => fill(stream.as_mut(), task, (&sink, look)),
            };
            let Some(laid) = ready!(laid) else {
                return Poll::Ready(());
            };
            out.with(|slot| slot.laid = Some(laid));
            Poll::Pending
        })
        .await;
        Ok(())
    }
}

fn single<A>(next: Poll<Option<impl StreamItem<A>>>) -> Poll<Option<Laid<A>>> {
    let laid = |item: Result<A>| item.map_or_else(Laid::Error, Laid::Message);
    next.map(|next| next.map(|item| laid(item.into_item())))
}

/// Puts the messages that are ready into a sink.
fn fill<A>(
    mut stream: Pin<&mut impl Stream<Item: StreamItem<A>>>,
    task: &mut Context<'_>,
    (sink, look): (&SharedSink, Look<A>),
) -> Poll<Option<Laid<A>>> {
    let mut sink = sink.lock();
    while let Some(item) = ready!(stream.as_mut().poll_next(task)) {
        match item.into_item() {
            Err(error) => return Poll::Ready(Some(Laid::Error(error))),
            Ok(message) if sink.put(look(&message)).is_break() => {
                return Poll::Ready(Some(Laid::Full));
            }
            Ok(_) => {}
        }
    }
    Poll::Ready(None)
}

/// A function, its stream and all they borrow, read as messages.
struct Pumped<A, Running> {
    /// `None` once it has ended.
    running: Option<Pin<Box<Running>>>,
    slot: Out<A>,
    payload: fn(A) -> Payload,
}

impl<A, Running: Future<Output = Result<()>>> Pumped<A, Running> {
    /// What the function lays down next.
    fn poll_laid(
        &mut self,
        task: &mut Context<'_>,
        sink: Option<&SharedSink>,
    ) -> Poll<Option<Laid<A>>> {
        let Some(running) = &mut self.running else {
            return Poll::Ready(None);
        };
        self.slot.with(|slot| slot.sink = sink.cloned());
        if let Poll::Ready(outcome) = running.as_mut().poll(task) {
            self.running = None;
            return Poll::Ready(outcome.err().map(Laid::Error));
        }
        match self.slot.with(|slot| slot.laid.take()) {
            None => Poll::Pending,
            laid => Poll::Ready(laid),
        }
    }
}

impl<A, Running> Source for Pumped<A, Running>
where
    A: Send,
    Running: Future<Output = Result<()>> + Send,
{
    fn poll_next(
        mut self: Pin<&mut Self>,
        task: &mut Context<'_>,
    ) -> Poll<Option<Result<Payload>>> {
        Poll::Ready(loop {
            match ready!(self.poll_laid(task, None)) {
                None => break None,
                Some(Laid::Message(message)) => break Some(Ok((self.payload)(message))),
                Some(Laid::Error(error)) => break Some(Err(error)),
                // One is asked for, there is no sink.
                Some(Laid::Full) => {}
            }
        })
    }

    fn poll_each(
        mut self: Pin<&mut Self>,
        task: &mut Context<'_>,
        sink: &SharedSink,
    ) -> Poll<Option<Result<()>>> {
        Poll::Ready(loop {
            match ready!(self.poll_laid(task, Some(sink))) {
                None => break None,
                Some(Laid::Full) => break Some(Ok(())),
                Some(Laid::Error(error)) => break Some(Err(error)),
                Some(Laid::Message(message)) => {
                    let look = self.slot.with(|slot| slot.look);
                    if sink.lock().put(look(&message)).is_break() {
                        break Some(Ok(()));
                    }
                }
            }
        })
    }
}
