//! Methods that answer with a stream of any type, one that borrows from its service included.
//!
//! Such a stream cannot outlive what it borrows. So the function, what it was given and its
//! stream are one future; whoever reads polls that future, and it lays down one message at a time.

#![allow(
    clippy::needless_pass_by_value,
    reason = "values that only carry a type"
)]

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use futures_core::Stream;

use crate::__private::call::{Question, Yields};
use crate::__private::check::Returned;
use crate::__private::error;
use crate::error::{Error, Result};
use crate::handler::{Body, Method, Parts, Payload, PayloadStream, Reply, StreamItem};

/// What a function and its stream have laid down for the reader.
///
/// Both run within the reader's poll, so the lock is never waited for.
#[derive(Debug)]
pub struct Out<A>(Arc<Mutex<Slot<A>>>);

#[derive(Debug)]
struct Slot<A> {
    /// Whether the function has returned its stream.
    is_open: bool,
    /// What the stream has yielded last, until it is read.
    item: Option<Result<A>>,
}

impl<A> Out<A> {
    fn pair() -> (Self, Self) {
        let item = None;
        let slot = Arc::new(Mutex::new(Slot {
            is_open: false,
            item,
        }));
        (Self(Arc::clone(&slot)), Self(slot))
    }

    fn with<T>(&self, look: impl FnOnce(&mut Slot<A>) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A method that answers with a stream.
pub fn stream<Q, A, Function, Running>(
    name: &'static str,
    question: Question<Q>,
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
        fails,
    } = yields;
    let kind = question.kind(&answer);
    let describe = (question.describe, answer.describe);
    let method = Method::raw(name, kind, describe, move |parts, body| {
        let function = function.clone();
        Box::pin(async move {
            let (theirs, slot) = Out::pair();
            let mut running = Box::pin(function(parts, (question.take)(body)?, theirs));
            opened(running.as_mut(), &slot).await?;
            let messages = PayloadStream::new(Pumped {
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

/// Reads what a function has returned, one message a poll.
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
            match stream.as_mut().poll_next(task) {
                Poll::Ready(None) => Poll::Ready(()),
                Poll::Ready(Some(item)) => {
                    let item = item.into_item();
                    out.with(|slot| slot.item = Some(item));
                    Poll::Pending
                }
                Poll::Pending => Poll::Pending,
            }
        })
        .await;
        Ok(())
    }
}

/// A function, its stream and all they borrow, read as messages.
struct Pumped<A, Running> {
    /// `None` once it has ended.
    running: Option<Pin<Box<Running>>>,
    slot: Out<A>,
    payload: fn(A) -> Payload,
}

impl<A, Running: Future<Output = Result<()>>> Stream for Pumped<A, Running> {
    type Item = Result<Payload>;

    fn poll_next(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(running) = &mut self.running else {
            return Poll::Ready(None);
        };
        if let Poll::Ready(outcome) = running.as_mut().poll(task) {
            self.running = None;
            return Poll::Ready(outcome.err().map(Err));
        }
        match self.slot.with(|slot| slot.item.take()) {
            Some(item) => Poll::Ready(Some(item.map(self.payload))),
            None => Poll::Pending,
        }
    }
}
