//! Calls to services of this process: the handler runs directly, and values are not encoded.
//!
//! A handler runs in its caller's task, except for bidirectional calls. Their handlers run whether
//! or not the caller reads the responses, so each has its own task, which ends with the stream of
//! responses.

use std::collections::BTreeMap;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{self, Poll, ready};

use tokio::sync::mpsc;
use tokio::time::sleep_until;
use tracing::Instrument;

use crate::client_state::ClientState;
use crate::connection::RequestHead;
use crate::deadline::{Timer, limit, race};
use crate::options::{Limit, Options};
use crate::stream_timer::{KeepAlive, StreamLifetime, StreamTimer};
use crate::tasks::AbortOnDrop;
use micro_core::context::{Caller, Context};
use micro_core::handler::{
    Body, Call, Kind, Payload, PayloadStream, Response, Route, Router, Source, StreamMetadata,
};
use micro_message::error::{Error, Result};
use micro_message::metadata::Metadata;

/// Maximum number of unread responses of a bidirectional call; its handler then has to wait.
const MAX_BUFFERED_RESPONSES: usize = 16;

/// Returns the router of this process, if it serves the call.
pub(super) fn router(core: &ClientState, call: &Call, options: &Options) -> Option<Arc<Router>> {
    if options.remote || options.address.is_some() {
        return None;
    }
    let local = core.local.read();
    let router = local.as_ref()?;
    let route = router.get(&call.method().path)?;
    let fits = options.filter.is_empty() || {
        let pairs = route.service.metadata.iter();
        let own: BTreeMap<_, _> = pairs.map(|&(k, v)| (k.to_owned(), v.to_owned())).collect();
        options.filter.fits_parts(route.service.version, &own)
    };
    fits.then(|| Arc::clone(router))
}

/// Runs a unary call as a server would.
pub(super) async fn run(core: &ClientState, route: &Route, call: Call) -> Result<Response> {
    finish(route, own(core, route, call)?).await
}

/// Runs a call with a stream in either direction. A stream of responses has to open within `opens`.
pub(super) async fn stream(
    core: &ClientState,
    route: &Route,
    call: Call,
    life: &StreamLifetime,
    opens: Option<Limit>,
) -> Result<Response> {
    let (context, method, mut body) = call.into_parts();
    if let Body::Many(requests) = body {
        body = Body::Many(life.watch(requests));
    }
    let call = own(core, route, Call::new(context, method, body))?;
    match route.method.kind {
        Kind::Unary | Kind::ClientStream => {
            let mut clock = life.clock();
            let running = race(finish(route, call), |task| clock.poll(task));
            running.await.map_err(|text| late(route, &text))?
        }
        Kind::ServerStream => {
            let (metadata, body, _) = open(route, call, life, opens).await?.into_parts();
            let messages = body.into_many()?;
            let beside = messages.metadata().clone();
            let timed = TimedResponses {
                messages: Some(messages),
                clock: life.clock(),
                route: route.clone(),
            };
            let messages = PayloadStream::from_source(timed).with_metadata(beside);
            let mut reply = Response::from_body(Body::Many(messages));
            *reply.metadata_mut() = metadata;
            Ok(reply)
        }
        Kind::Bidirectional => aside(core, route.clone(), call, life),
    }
}

/// Runs a call until its response is complete or begins, for at most `opens` and the idle timeout.
async fn open(
    route: &Route,
    call: Call,
    life: &StreamLifetime,
    opens: Option<Limit>,
) -> Result<Response> {
    let mut silence = StreamTimer::new(None, life.pulse());
    let mut timer = pin!(opens.map(|limit| sleep_until(limit.at)));
    let mut timer: Timer<'_> = timer.as_mut();
    let opening = race(finish(route, call), |task| silence.poll(task));
    match limit(&mut timer, opening).await {
        Ok(opened) => opened.map_err(|text| late(route, &text))?,
        Err(_) => {
            let opens = opens.map(|limit| limit.to_string()).unwrap_or_default();
            Err(late(route, &format!("no reply within {opens}")))
        }
    }
}

/// Runs a call. If it fails, the error has the metadata that the handler has set, as over a
/// network.
async fn finish(route: &Route, call: Call) -> Result<Response> {
    let context = call.context().clone();
    route.run(call).await.map_err(|error| {
        let mut metadata = context.take_response_metadata();
        metadata.extend(context.take_response_trailers());
        error.with_metadata(metadata)
    })
}

/// Returns the call as the handler sees it. It has its own context, because a wrap may run the call
/// again after this one has ended.
///
/// # Errors
///
/// Returns an error for metadata that cannot be sent over a network.
fn own(core: &ClientState, route: &Route, call: Call) -> Result<Call> {
    let (context, _, body) = call.into_parts();
    RequestHead::check(context.metadata(), core.config.max_metadata_size)?;
    let mut own = Context::new()
        .with_metadata(context.metadata().clone())
        .with_caller(Caller::new(None, "local"));
    if let Some(deadline) = context.deadline() {
        own = own.with_deadline(deadline);
    }
    Ok(Call::new(own, Arc::clone(&route.method), body))
}

fn late(route: &Route, text: &str) -> Error {
    Error::deadline_exceeded(format!("`{}`: {text}", route.method.path))
}

/// Responses of a handler, until a limit expires.
struct TimedResponses {
    /// `None` once a limit has expired.
    messages: Option<PayloadStream>,
    clock: StreamTimer,
    route: Route,
}

impl Source for TimedResponses {
    fn poll_next(
        mut self: Pin<&mut Self>,
        cx: &mut task::Context<'_>,
    ) -> Poll<Option<Result<Payload>>> {
        let this = &mut *self;
        let Some(messages) = &mut this.messages else {
            return Poll::Ready(None);
        };
        let over = match messages.poll(cx) {
            Poll::Ready(Some(Ok(message))) => match this.clock.pass() {
                Ok(()) => return Poll::Ready(Some(Ok(message))),
                Err(text) => text,
            },
            Poll::Ready(ended) => return Poll::Ready(ended),
            Poll::Pending => ready!(this.clock.poll(cx)),
        };
        this.messages = None;
        Poll::Ready(Some(Err(late(&this.route, &over))))
    }
}

/// Event that the task of a bidirectional call sends to its reader.
enum BidiEvent {
    Message(Payload),
    End(Result<()>, Metadata),
}

/// Runs a handler in its own task.
fn aside(core: &ClientState, route: Route, call: Call, life: &StreamLifetime) -> Result<Response> {
    let (sender, receiver) = mpsc::channel(MAX_BUFFERED_RESPONSES);
    let beside = StreamMetadata::default();
    let mut reader = BidiResponses {
        receiver: Some(receiver),
        task: None,
        clock: life.clock(),
        route: route.clone(),
        beside: beside.clone(),
        _keep: life.keep_alive(),
    };
    let (mut clock, told) = (life.clock(), beside.clone());
    let handler = async move {
        let mut after = Metadata::new();
        let outcome = {
            let forwarding = forward(&route, call, &sender, &told, &mut after);
            let timed = race(forwarding, |task| clock.poll(task)).await;
            timed.unwrap_or_else(|text| Err(late(&route, &text)))
        };
        let _ = sender.send(BidiEvent::End(outcome, after)).await; // The reader may be gone.
    };
    reader.task = core.tasks.own(handler.in_current_span());
    if reader.task.is_none() {
        return Err(Error::cancelled("the client is closed"));
    }
    let messages = PayloadStream::from_source(reader).with_metadata(beside);
    Ok(Response::from_body(Body::Many(messages)))
}

async fn forward(
    route: &Route,
    call: Call,
    sender: &mpsc::Sender<BidiEvent>,
    beside: &StreamMetadata,
    after: &mut Metadata,
) -> Result<()> {
    let (metadata, body, _) = finish(route, call).await?.into_parts();
    beside.set_leading(metadata);
    let mut messages = body.into_many()?;
    let outcome = loop {
        // Reserve capacity first, so that the handler makes a message only once there is room for
        // it.
        let Ok(room) = sender.reserve().await else {
            return Ok(());
        };
        match messages.next().await {
            Some(Ok(message)) => room.send(BidiEvent::Message(message)),
            Some(Err(error)) => break Err(error),
            None => break Ok(()),
        }
    };
    *after = messages.metadata().trailing().cloned().unwrap_or_default();
    outcome
}

/// The reader's end of a bidirectional call.
struct BidiResponses {
    /// `None` after the end.
    receiver: Option<mpsc::Receiver<BidiEvent>>,
    /// Aborted when the reader is dropped.
    task: Option<AbortOnDrop>,
    clock: StreamTimer,
    route: Route,
    beside: StreamMetadata,
    _keep: KeepAlive,
}

impl BidiResponses {
    fn end(&mut self, error: Option<Error>) -> Poll<Option<Result<Payload>>> {
        (self.receiver, self.task) = (None, None);
        Poll::Ready(error.map(Err))
    }
}

impl Source for BidiResponses {
    fn poll_next(
        mut self: Pin<&mut Self>,
        cx: &mut task::Context<'_>,
    ) -> Poll<Option<Result<Payload>>> {
        let this = &mut *self;
        let Some(receiver) = &mut this.receiver else {
            return Poll::Ready(None);
        };
        match receiver.poll_recv(cx) {
            Poll::Ready(Some(BidiEvent::Message(message))) => match this.clock.pass() {
                Ok(()) => Poll::Ready(Some(Ok(message))),
                Err(text) => {
                    let error = late(&this.route, &text);
                    this.end(Some(error))
                }
            },
            Poll::Ready(Some(BidiEvent::End(outcome, after))) => {
                this.beside.set_trailing(after);
                this.end(outcome.err())
            }
            Poll::Ready(None) => this.end(Some(Error::cancelled("the client was closed"))),
            Poll::Pending => match this.clock.poll(cx) {
                Poll::Ready(text) => {
                    let error = late(&this.route, &text);
                    this.end(Some(error))
                }
                Poll::Pending => Poll::Pending,
            },
        }
    }
}
