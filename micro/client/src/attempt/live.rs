//! An open stream: what its reader holds, and the task that sends its requests.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use micro_wake::{FutureOwner, SharedFuture};
use tokio::sync::oneshot;

use crate::attempt::place::Place;
use crate::clock::{Clock, Keep, Life};
use crate::connection::{Incoming, Pump, Step};
use crate::deadline::race;
use crate::failure::Failure;
use crate::link::Link;
use crate::selector::Flight;
use crate::tasks::Owned;
use micro_core::handler::{Body, Payload, PayloadStream, Response, Source, StreamMetadata};
use micro_message::error::{Error, ErrorKind, Result};
use micro_message::metadata::Metadata;

/// The reader's end of an open stream. Dropping it cancels the call, at the peer and here.
pub(super) struct Live {
    /// What else there is to the stream; `None` after the end.
    open: Option<Open>,
    metadata: StreamMetadata,
}

struct Open {
    /// Sends the requests; stopped with the reader.
    pumping: Option<Owned>,
    /// What it polls, if the reader may do so as well.
    pump: Option<Arc<SharedFuture<Pump>>>,
    /// What was wrong with the requests, should anything be.
    failed: Option<oneshot::Receiver<Error>>,
    incoming: Incoming,
    clock: Clock,
    place: Place,
    /// Set once the stream is the caller's.
    flight: Option<Flight<Arc<Link>>>,
    _keep: Keep,
}

impl Live {
    pub(super) fn new(incoming: Incoming, place: Place, life: &Life) -> Self {
        Self {
            open: Some(Open {
                pumping: None,
                pump: None,
                failed: None,
                incoming,
                clock: life.clock(),
                place,
                flight: None,
                _keep: life.keep(),
            }),
            metadata: StreamMetadata::default(),
        }
    }

    /// The task that sends its requests, and how that tells of an error.
    pub(super) fn pumped_by(&mut self, task: Owned, failed: oneshot::Receiver<Error>) {
        if let Some(open) = &mut self.open {
            (open.pumping, open.failed) = (Some(task), Some(failed));
        }
    }

    /// What that task polls: what runs nobody's code may run wherever replies are waited for.
    pub(super) fn helps(&mut self, pump: Arc<SharedFuture<Pump>>) {
        if let Some(open) = &mut self.open {
            open.pump = Some(pump);
        }
    }

    /// The reply; its stream counts as in flight until it is over.
    pub(super) fn into_response(mut self, flight: Flight<Arc<Link>>) -> Response {
        let mut leading = Metadata::new();
        if let Some(open) = &mut self.open {
            leading = open.incoming.take_leading().unwrap_or_default();
            open.flight = Some(flight);
        }
        let metadata = self.metadata.clone();
        let messages = PayloadStream::from_source(self).with_metadata(metadata);
        let mut reply = Response::from_body(Body::Many(messages));
        *reply.metadata_mut() = leading;
        reply
    }
}

impl Source for Live {
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Payload>>> {
        let this = &mut *self;
        let Some(open) = &mut this.open else {
            return Poll::Ready(None);
        };
        let next = match open.incoming.ready() {
            Some(message) => Poll::Ready(Some(open.passed(message))),
            None => open.poll(cx, &this.metadata),
        };
        if matches!(next, Poll::Ready(None | Some(Err(_)))) {
            this.open = None;
        }
        next
    }
}

impl Open {
    /// Sends what can be sent before more is received, so that the peer has something to do
    /// meanwhile.
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        metadata: &StreamMetadata,
    ) -> Poll<Option<Result<Payload>>> {
        if let Some(pump) = &self.pump
            && self.incoming.flows()
        {
            pump.poll_if_woken();
        }
        let step = self.incoming.poll(cx);
        if let Some(leading) = self.incoming.take_leading() {
            metadata.set_leading(leading);
        }
        match step {
            Poll::Ready(Step::Message(message)) => Poll::Ready(Some(self.passed(message))),
            Poll::Ready(Step::End(outcome, after)) => {
                metadata.set_trailing(after);
                let Err(failure) = outcome else {
                    return Poll::Ready(None);
                };
                // What was wrong with the requests has reset the stream, too.
                let own = self
                    .failed
                    .as_mut()
                    .and_then(|failed| failed.try_recv().ok());
                let error = own.unwrap_or_else(|| self.say(failure));
                Poll::Ready(Some(Err(error)))
            }
            Poll::Pending => self.wait(cx).map(|error| Some(Err(error))),
        }
    }

    /// A message, or that time is over.
    #[inline]
    fn passed(&mut self, message: Payload) -> Result<Payload> {
        match self.clock.pass() {
            Ok(()) => Ok(message),
            Err(text) => Err(self.place.error(ErrorKind::DeadlineExceeded, &text)),
        }
    }

    fn say(&self, failure: Failure) -> Error {
        match self.clock.late(&failure) {
            Some(text) => self.place.error(ErrorKind::DeadlineExceeded, &text),
            None => self.place.say(failure),
        }
    }

    /// Nothing comes: is something wrong?
    fn wait(&mut self, cx: &mut Context<'_>) -> Poll<Error> {
        if let Some(failed) = &mut self.failed
            && let Poll::Ready(told) = Pin::new(failed).poll(cx)
        {
            self.failed = None;
            if let Ok(error) = told {
                return Poll::Ready(error);
            }
        }
        self.clock.poll(cx).map(|text| {
            self.incoming.suspect();
            self.place.error(ErrorKind::DeadlineExceeded, &text)
        })
    }
}

/// The task that sends the requests of a bidirectional call.
pub(super) struct Pumping {
    pump: FutureOwner<Pump>,
    clock: Clock,
    place: Place,
    failed: oneshot::Sender<Error>,
}

impl Pumping {
    pub(super) fn new(
        pump: FutureOwner<Pump>,
        life: &Life,
        place: Place,
    ) -> (Self, oneshot::Receiver<Error>) {
        let (failed, receiver) = oneshot::channel();
        let pumping = Self {
            pump,
            clock: life.clock(),
            place,
            failed,
        };
        (pumping, receiver)
    }

    /// Until the last request is sent, or nobody wants them any more.
    pub(super) async fn run(self) {
        let Self {
            mut pump,
            mut clock,
            place,
            failed,
        } = self;
        let error = match race(&mut pump, |task| clock.poll(task)).await {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error,
            Err(text) => place.error(ErrorKind::DeadlineExceeded, &text),
        };
        // First, so that the reader does not see a stream that was merely reset.
        let _ = failed.send(error); // The reader may be gone.
        if let Some(mut pump) = pump.take() {
            pump.cancel();
        }
    }
}
