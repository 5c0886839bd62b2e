//! An open stream: the reader's end, and the task that sends the requests.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use micro_wake::{FutureOwner, SharedFuture};
use tokio::sync::oneshot;

use crate::attempt::error_context::ErrorContext;
use crate::connection::{IncomingResponses, NextItem, RequestPump};
use crate::deadline::race;
use crate::failure::Failure;
use crate::node_connection::NodeConnection;
use crate::selector::Flight;
use crate::stream_timer::{KeepAlive, StreamLifetime, StreamTimer};
use crate::tasks::AbortOnDrop;
use micro_core::handler::{Body, Payload, PayloadStream, Response, Source, StreamMetadata};
use micro_message::error::{Error, ErrorKind, Result};
use micro_message::metadata::Metadata;

/// The reader's end of an open stream. Dropping it cancels the call at the peer and in this
/// process.
pub(super) struct OpenStream {
    /// State of the stream; `None` after its end.
    open: Option<OpenState>,
    metadata: StreamMetadata,
}

struct OpenState {
    /// Task that sends the requests; aborted when the reader is dropped.
    pumping: Option<AbortOnDrop>,
    /// The future that this task polls, if the reader may poll it as well.
    pump: Option<Arc<SharedFuture<RequestPump>>>,
    /// Receives the error of the requests, if they fail.
    failed: Option<oneshot::Receiver<Error>>,
    incoming: IncomingResponses,
    clock: StreamTimer,
    error_context: ErrorContext,
    /// Set once the stream is returned to the caller.
    flight: Option<Flight<Arc<NodeConnection>>>,
    _keep: KeepAlive,
}

impl OpenStream {
    pub(super) fn new(
        incoming: IncomingResponses,
        error_context: ErrorContext,
        life: &StreamLifetime,
    ) -> Self {
        Self {
            open: Some(OpenState {
                pumping: None,
                pump: None,
                failed: None,
                incoming,
                clock: life.clock(),
                error_context,
                flight: None,
                _keep: life.keep_alive(),
            }),
            metadata: StreamMetadata::default(),
        }
    }

    /// Sets the task that sends the requests, and the receiver of its error.
    pub(super) fn pumped_by(&mut self, task: AbortOnDrop, failed: oneshot::Receiver<Error>) {
        if let Some(open) = &mut self.open {
            (open.pumping, open.failed) = (Some(task), Some(failed));
        }
    }

    /// Sets the future that this task polls. It must run no user code, because it is polled
    /// wherever the responses are awaited.
    pub(super) fn helps(&mut self, pump: Arc<SharedFuture<RequestPump>>) {
        if let Some(open) = &mut self.open {
            open.pump = Some(pump);
        }
    }

    /// Returns the response. Its stream counts as in flight until it ends.
    pub(super) fn into_response(mut self, flight: Flight<Arc<NodeConnection>>) -> Response {
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

impl Source for OpenStream {
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

impl OpenState {
    /// Sends pending requests before receiving more, so that the peer has work in the meantime.
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
            Poll::Ready(NextItem::Message(message)) => Poll::Ready(Some(self.passed(message))),
            Poll::Ready(NextItem::End(outcome, after)) => {
                metadata.set_trailing(after);
                let Err(failure) = outcome else {
                    return Poll::Ready(None);
                };
                // An error of the requests has reset the stream as well, and takes precedence.
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

    /// Returns the message, or an error if the deadline has passed.
    #[inline]
    fn passed(&mut self, message: Payload) -> Result<Payload> {
        match self.clock.pass() {
            Ok(()) => Ok(message),
            Err(text) => Err(self.error_context.error(ErrorKind::DeadlineExceeded, &text)),
        }
    }

    fn say(&self, failure: Failure) -> Error {
        match self.clock.late(&failure) {
            Some(text) => self.error_context.error(ErrorKind::DeadlineExceeded, &text),
            None => self.error_context.say(failure),
        }
    }

    /// No response is ready: checks for an error of the requests and for the timeouts.
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
            self.error_context.error(ErrorKind::DeadlineExceeded, &text)
        })
    }
}

/// The task that sends the requests of a bidirectional call.
pub(super) struct RequestSender {
    pump: FutureOwner<RequestPump>,
    clock: StreamTimer,
    error_context: ErrorContext,
    failed: oneshot::Sender<Error>,
}

impl RequestSender {
    pub(super) fn new(
        pump: FutureOwner<RequestPump>,
        life: &StreamLifetime,
        error_context: ErrorContext,
    ) -> (Self, oneshot::Receiver<Error>) {
        let (failed, receiver) = oneshot::channel();
        let pumping = Self {
            pump,
            clock: life.clock(),
            error_context,
            failed,
        };
        (pumping, receiver)
    }

    /// Runs until the last request is sent, or until the peer accepts no more.
    pub(super) async fn run(self) {
        let Self {
            mut pump,
            mut clock,
            error_context,
            failed,
        } = self;
        let error = match race(&mut pump, |task| clock.poll(task)).await {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error,
            Err(text) => error_context.error(ErrorKind::DeadlineExceeded, &text),
        };
        // Sent before the reset, so that the reader gets this error instead of the reset's.
        let _ = failed.send(error); // The reader may be gone.
        if let Some(mut pump) = pump.take() {
            pump.cancel();
        }
    }
}
