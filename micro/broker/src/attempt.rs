//! One attempt to handle an event: the frame in which every subscriber runs.
//!
//! The deadline holds, a panic becomes an error, the context is current, and whoever waits for
//! cancellation is told when the attempt is over.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Task, Poll};
use std::time::Duration;

use tokio::sync::oneshot::error::TryRecvError;
use tokio::time::timeout;

use crate::delivery::{Delivery, Run, Verdict};
use crate::options::{Ack, Options};
use crate::record::Event;
use micro_core::context::{Caller, Context};
use micro_message::error::{Error, Result};

/// What is to become of an event that others keep.
#[derive(Debug)]
pub enum Word {
    /// It is done.
    Ack,
    /// Again, after so long, and why.
    Again(Duration, String),
    /// Never again, and why.
    Dead(String),
}

/// Lets a subscriber handle an event that others keep: the attempt of this number, from 1.
pub async fn attend(run: &Run, options: &Options, event: Event, number: u32) -> Word {
    match attempt(run, options, &Arc::new(event), number).await {
        Verdict::Ack => Word::Ack,
        Verdict::Dead(reason) => Word::Dead(reason),
        Verdict::Nack(_, reason) if number > options.retries => Word::Dead(reason),
        Verdict::Nack(after, reason) => {
            Word::Again(after.unwrap_or_else(|| options.pause(number)), reason)
        }
    }
}

/// Lets a subscriber handle an event once; its word, or what its result says.
pub(super) async fn attempt(
    run: &Run,
    options: &Options,
    event: &Arc<Event>,
    number: u32,
) -> Verdict {
    let (delivery, mut word) = Delivery::new(Arc::clone(event), number);
    let context = Context::new()
        .with_caller(Caller::new(None, "event"))
        .with_metadata(event.metadata.clone())
        .with_timeout(options.timeout);
    let guard = context.guard();
    let limit = options.timeout;
    let late = || Error::deadline_exceeded(format!("the handler did not finish within {limit:?}"));
    let running = CatchPanic(Arc::new(context.clone()).scope_sync(|| {
        let started = catch_unwind(AssertUnwindSafe(|| run(delivery, context.clone())));
        started.unwrap_or_else(|_| Box::pin(async { Err(panicked()) }))
    }));
    let result = context.clone().scope(context.limit(running, late)).await;
    drop(guard);
    let silent = match word.try_recv() {
        Ok(verdict) => return verdict,
        Err(silent) => silent,
    };
    match result {
        Err(error) => Verdict::Nack(None, error.chain()),
        Ok(()) if options.ack == Ack::Auto => Verdict::Ack,
        Ok(()) if silent == TryRecvError::Closed => dropped(),
        Ok(()) => match timeout(options.ack_wait, word).await {
            Ok(Ok(verdict)) => verdict,
            Ok(Err(_)) => dropped(),
            Err(_) => {
                let wait = options.ack_wait;
                Verdict::Nack(
                    None,
                    format!("not acknowledged within {wait:?} (`ack_wait`)"),
                )
            }
        },
    }
}

fn dropped() -> Verdict {
    Verdict::Nack(None, "its delivery was dropped without a word".to_owned())
}

fn panicked() -> Error {
    Error::internal("the handler panicked")
}

/// Turns a panic in a handler into an error, so that the process lives.
struct CatchPanic(Pin<Box<dyn Future<Output = Result<()>> + Send>>);

impl Future for CatchPanic {
    type Output = Result<()>;

    fn poll(mut self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<Self::Output> {
        let polled = catch_unwind(AssertUnwindSafe(|| self.0.as_mut().poll(task)));
        polled.unwrap_or_else(|_| Poll::Ready(Err(panicked())))
    }
}
