//! The attempts of one call: picks a node, sends the call, and decides whether to retry it.
//!
//! A call may be retried if it certainly did not reach a handler, or if its method is idempotent. A
//! call with one request may be retried until its response begins. A stream of requests can be read
//! only once, so such a call may be retried only while no request was taken from the stream.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use h2::SendStream;
use micro_wake::sync::Mutex;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::attempt::ClientEndpoint;
use crate::attempt::discovery::Discovery;
use crate::attempt::error_context::{ErrorContext, Node};
use crate::attempt::open_stream::{OpenStream, RequestSender};
use crate::backoff::pause;
use crate::connection::{
    Connection, Framing, IncomingResponses, RequestHead, RequestPump, ResponseLimits, StreamPermit,
};
use crate::deadline::{Timer, limit, race};
use crate::failure::{Failure, Progress};
use crate::node_connection::NodeConnection;
use crate::nodes::ServiceNodes;
use crate::options::{Limit, round};
use crate::selector::{Choice, Flight};
use crate::stream_timer::{StreamLifetime, StreamTimer};
use micro_core::handler::{Body, EncodeFrame, Kind, MethodInfo, Payload, PayloadStream, Response};
use micro_message::error::{Error, ErrorKind, Result};
use micro_wake::{Repoller, share};

/// Age of a stream from which its failure no longer affects the recorded latency of its node.
const SLOW_STREAM: Duration = Duration::from_secs(1);

/// Maximum memory for decoding, as a multiple of the maximum message size: decoded values are
/// larger than their encoding.
const MEMORY_FACTOR: usize = 4;

/// Why an attempt ended without a response.
enum AttemptError {
    /// The deadline passed while waiting; the text names what was missing.
    DeadlineElapsed(&'static str),
    Failed(Failure),
    /// An error that is returned without a retry and does not affect the node's statistics.
    Own(Error),
}

impl From<Failure> for AttemptError {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// Why no node was picked.
enum NoNode {
    /// A time limit passed first. Contains its length and origin.
    Elapsed(String),
    Failed(Error),
}

/// Whether an attempt may be retried.
enum RetryClass {
    /// Yes, without the retry budget: no peer has done any work.
    Free,
    /// Yes, if the retry budget allows it.
    Paid,
    No,
}

/// The result of an attempt.
enum AttemptOutcome {
    Response(Response),
    /// An open stream.
    Stream(Box<OpenStream>),
}

/// The requests that an attempt sends.
pub(super) enum RequestBody {
    /// One request, encoded with its gRPC prefix.
    One(Bytes),
    /// A stream of requests; `None` once a request was taken from it.
    Many(Mutex<Option<PayloadStream>>),
}

impl RequestBody {
    /// Encodes the requests for gRPC. A single request that is already encoded determines the
    /// codec.
    pub(super) fn new(body: Body, framing: &mut Framing) -> Result<Self> {
        let payload = match body {
            Body::Many(requests) => return Ok(Self::Many(Mutex::new(Some(requests)))),
            Body::One(payload) => payload,
        };
        if let Payload::Encoded { codec, .. } = payload {
            framing.codec = codec;
        }
        let mut bytes = Vec::with_capacity(256);
        framing.frame(payload.as_ref(), &mut bytes)?;
        Ok(Self::One(bytes.into()))
    }
}

/// The attempts of one call.
pub(super) struct Attempts<'a> {
    pub(super) outgoing: &'a ClientEndpoint,
    pub(super) info: &'a Arc<MethodInfo>,
    pub(super) head: RequestHead,
    pub(super) framing: Framing,
    pub(super) requests: RequestBody,
    /// When the whole call must have ended.
    pub(super) deadline: Option<Instant>,
    /// Time limit for the response, or for the stream to open.
    pub(super) limit: Option<Limit>,
    pub(super) life: StreamLifetime,
    pub(super) started: Instant,
}

impl Attempts<'_> {
    pub(super) async fn run(&self) -> Result<Response> {
        let core = &self.outgoing.core;
        let timer = pin!(self.limit.map(|limit| sleep_until(limit.at)));
        let mut timer: Timer<'_> = timer;
        core.budget.earn();
        let mut tried: Vec<Node> = Vec::new();
        let mut attempt = 1;
        loop {
            let choice = self.choice(&tried);
            let (service, flight) = self.pick(&choice, &mut timer).await?;
            let others = || service.table.has_other(&choice, flight.member());
            let outcome = if self.info.kind == Kind::Unary {
                let once = self.once(flight.member(), others(), &mut timer).await;
                once.map(AttemptOutcome::Response)
            } else {
                // Boxed, so that the future of a unary call does not need space for it.
                Box::pin(self.open(flight.member(), others(), &mut timer)).await
            };
            let failure = match self.in_time(outcome) {
                Ok(AttemptOutcome::Stream(live)) => return Ok(live.into_response(flight)),
                Ok(AttemptOutcome::Response(reply)) => {
                    self.answered(flight, &service);
                    return Ok(reply);
                }
                Err(AttemptError::DeadlineElapsed(what)) => {
                    let error = self.late(flight.member(), what, attempt);
                    self.answered(flight, &service);
                    return Err(error);
                }
                Err(AttemptError::Own(error)) => return Err(error),
                Err(AttemptError::Failed(failure)) => failure,
            };
            let (node, others) = (Arc::clone(flight.member()), others());
            match failure.reach {
                Progress::Answered if !failure.error.is_retryable() => {
                    self.answered(flight, &service);
                }
                // The attempt shows nothing about the node's latency.
                Progress::Unsent | Progress::Unprocessed => drop(flight),
                _ if self.is_quick() => flight.failed(service.now()),
                _ => drop(flight),
            }
            let wait = match (self.may_repeat(&failure), others) {
                _ if !self.has_requests() => return Err(self.say(failure, &node, attempt)),
                // Each node is tried once. `tried` grows, so this ends.
                (RetryClass::Free, true) => None,
                (RetryClass::Free, false) if attempt < core.config.max_attempts => {
                    Some(pause(attempt))
                }
                (RetryClass::Paid, _)
                    if attempt < core.config.max_attempts && core.budget.spend() =>
                {
                    Some(pause(attempt))
                }
                _ => return Err(self.say(failure, &node, attempt)),
            };
            tracing::debug!(
                path = %self.info.path, node = node.node().id, attempt,
                error = %failure.error, "trying again"
            );
            if let Some(wait) = wait {
                if self
                    .limit
                    .is_some_and(|limit| Instant::now() + wait >= limit.at)
                {
                    return Err(self.say(failure, &node, attempt));
                }
                sleep(wait).await;
                attempt += 1;
            }
            tried.push(node);
        }
    }

    /// Converts the failure of a call that the peer cancelled because of the deadline.
    fn in_time(
        &self,
        outcome: Result<AttemptOutcome, AttemptError>,
    ) -> Result<AttemptOutcome, AttemptError> {
        outcome.map_err(|stop| match stop {
            AttemptError::Failed(failure) if failure.is_late(self.deadline) => {
                AttemptError::DeadlineElapsed("no reply")
            }
            stop => stop,
        })
    }

    fn choice<'a>(&'a self, tried: &'a [Node]) -> Choice<'a, Arc<NodeConnection>> {
        let options = &self.outgoing.options;
        Choice {
            strategy: options
                .strategy
                .unwrap_or(self.outgoing.core.config.strategy),
            method: Some(&self.info.path),
            filter: &options.filter,
            tried,
        }
    }

    /// Picks a node. Waits until there is one.
    async fn pick(
        &self,
        choice: &Choice<'_, Arc<NodeConnection>>,
        timer: &mut Timer<'_>,
    ) -> Result<(Arc<ServiceNodes>, Flight<Arc<NodeConnection>>)> {
        let core = &self.outgoing.core;
        let mut discovery = None;
        loop {
            let service = match &self.outgoing.options.address {
                Some(address) => core.node_at(address)?,
                None => core.nodes_of(&self.outgoing.method)?,
            };
            if let Some(flight) = service.pick(choice) {
                return Ok((service, flight));
            }
            // Boxed, as few calls need it.
            let discovery = discovery.get_or_insert_with(|| {
                let filter = &self.outgoing.options.filter;
                Box::new(Discovery::new(core, filter, &self.info.path))
            });
            let first = async {
                tokio::select! {
                    flight = service.wait(choice) => flight.map_err(NoNode::Failed),
                    elapsed = discovery.run(&service) => Err(NoNode::Elapsed(elapsed)),
                }
            };
            let first = limit(timer, Box::pin(first)).await;
            match first.unwrap_or_else(|_| Err(NoNode::Elapsed(self.waited()))) {
                Ok(Some(flight)) => return Ok((service, flight)),
                Ok(None) => tokio::task::yield_now().await,
                Err(NoNode::Failed(error)) => return Err(error),
                Err(NoNode::Elapsed(limit)) => return Err(discovery.error(&service, &limit)),
            }
        }
    }

    /// Records the latency of a node. Not for streams: their duration does not depend on the node's
    /// speed.
    fn answered(&self, flight: Flight<Arc<NodeConnection>>, service: &ServiceNodes) {
        if self.info.kind == Kind::Unary {
            flight.answered(service.now());
        }
    }

    /// Whether a failure counts for the node's latency.
    fn is_quick(&self) -> bool {
        self.info.kind == Kind::Unary || self.started.elapsed() < SLOW_STREAM
    }

    /// Whether the requests can be sent again.
    fn has_requests(&self) -> bool {
        match &self.requests {
            RequestBody::One(_) => true,
            RequestBody::Many(requests) => {
                let requests = requests.lock();
                requests.is_some()
            }
        }
    }

    fn may_repeat(&self, failure: &Failure) -> RetryClass {
        match failure.reach {
            Progress::Unsent | Progress::Unprocessed => RetryClass::Free,
            Progress::Refused => RetryClass::Paid,
            Progress::Lost if self.info.options.idempotent => RetryClass::Paid,
            Progress::Answered if self.info.options.idempotent && failure.error.is_retryable() => {
                RetryClass::Paid
            }
            Progress::Lost | Progress::Answered => RetryClass::No,
        }
    }

    /// Returns a connection to a node.
    async fn connected(
        &self,
        node: &Node,
        others: bool,
        timer: &mut Timer<'_>,
    ) -> Result<Arc<Connection>, AttemptError> {
        if tracing::enabled!(tracing::Level::DEBUG) {
            tracing::Span::current().record("node", &*node.node().id);
        }
        let link = node.value();
        let connection = match link.open() {
            Some(connection) => connection,
            None => {
                let patience = others.then_some(self.outgoing.core.config.failover_after);
                let connected = limit(timer, connecting(link, patience)).await;
                connected.map_err(|_| AttemptError::DeadlineElapsed("no connection"))??
            }
        };
        if !connection.is_saturated() {
            return Ok(connection);
        }
        // Boxed, as few calls need it.
        let wider = limit(timer, Box::pin(link.wider(connection))).await;
        wider.map_err(|_| AttemptError::DeadlineElapsed("no connection"))
    }

    /// Returns the head of a request, with the remaining time until the deadline.
    fn request(&self, connection: &Connection) -> Result<http::Request<()>, AttemptError> {
        let left = self
            .deadline
            .map(|at| at.saturating_duration_since(Instant::now()));
        if left.is_some_and(|left| left.is_zero()) {
            return Err(AttemptError::DeadlineElapsed("nothing sent"));
        }
        Ok(self.head.request(connection.authority(), left))
    }

    /// Returns the single request of the call.
    fn one(&self) -> Result<&Bytes, AttemptError> {
        match &self.requests {
            RequestBody::One(frame) => Ok(frame),
            RequestBody::Many(_) => Err(AttemptError::Own(Error::invalid_argument(
                "the call has a stream of requests, the method takes one",
            ))),
        }
    }

    fn limits(&self) -> ResponseLimits {
        let message = self.framing.limit;
        ResponseLimits {
            codec: self.framing.codec,
            message,
            memory: message.saturating_mul(MEMORY_FACTOR),
        }
    }

    /// Makes one attempt of a unary call at one node.
    async fn once(
        &self,
        node: &Node,
        others: bool,
        timer: &mut Timer<'_>,
    ) -> Result<Response, AttemptError> {
        let frame = self.one()?;
        let link = node.value();
        let connection = self.connected(node, others, timer).await?;
        let entered = limit(timer, connection.acquire()).await;
        let _slot = entered.map_err(|_| AttemptError::DeadlineElapsed("no free stream"))??;
        let request = self.request(&connection)?;
        let response = connection.send(request, frame.clone());
        let response = response.inspect_err(|_| link.forget(&connection))?;
        let mut receive = pin!(connection.receive(response, self.limits()));
        let Ok(reply) = limit(timer, receive.as_mut()).await else {
            connection.suspect();
            return Err(AttemptError::DeadlineElapsed("no reply"));
        };
        reply.map_err(|failure| {
            // A peer that shuts down accepts no more calls.
            if matches!(failure.reach, Progress::Unprocessed | Progress::Unsent) {
                link.forget(&connection);
            }
            AttemptError::Failed(failure)
        })
    }

    /// Makes one attempt of a streaming call at one node.
    async fn open(
        &self,
        node: &Node,
        others: bool,
        timer: &mut Timer<'_>,
    ) -> Result<AttemptOutcome, AttemptError> {
        let connection = self.connected(node, others, timer).await?;
        let entered = limit(timer, acquire_stream(node, connection)).await;
        let (connection, slot) =
            entered.map_err(|_| AttemptError::DeadlineElapsed("no free stream"))??;
        let opened = match self.info.kind {
            Kind::ServerStream | Kind::Unary => {
                self.server_stream(node, &connection, slot, timer).await
            }
            Kind::ClientStream => self.client_stream(node, &connection, slot).await,
            Kind::Bidirectional => self.bidirectional(node, &connection, slot),
        };
        opened.inspect_err(|stop| {
            // A peer that shuts down accepts no more calls.
            if let AttemptError::Failed(failure) = stop
                && matches!(failure.reach, Progress::Unprocessed | Progress::Unsent)
            {
                node.value().forget(&connection);
            }
        })
    }

    /// Sends the request and waits until the response begins.
    async fn server_stream(
        &self,
        node: &Node,
        connection: &Arc<Connection>,
        slot: StreamPermit,
        timer: &mut Timer<'_>,
    ) -> Result<AttemptOutcome, AttemptError> {
        let request = self.request(connection)?;
        let response = connection.send(request, self.one()?.clone())?;
        let mut incoming = IncomingResponses::new(response, self.limits(), slot);
        // Only the idle timeout. `timer` applies the limit, and its error also names the attempt.
        let mut silence = StreamTimer::new(None, self.life.pulse());
        let head = poll_fn(|cx| incoming.poll_head(cx));
        let head = limit(timer, race(head, |task| silence.poll(task))).await;
        let late = match head {
            Ok(Ok(head)) => {
                head?;
                let live = OpenStream::new(incoming, self.error_context(node), &self.life);
                return Ok(AttemptOutcome::Stream(Box::new(live)));
            }
            Ok(Err(text)) => AttemptError::Own(
                self.error_context(node)
                    .error(ErrorKind::DeadlineExceeded, &text),
            ),
            Err(_) => AttemptError::DeadlineElapsed("no reply"),
        };
        incoming.suspect();
        Err(late)
    }

    /// Sends the requests until the response arrives.
    async fn client_stream(
        &self,
        node: &Node,
        connection: &Arc<Connection>,
        _slot: StreamPermit,
    ) -> Result<AttemptOutcome, AttemptError> {
        let (response, out) = connection.begin(self.request(connection)?)?;
        let (mut pump, mut pumping) = (self.pump(connection, out)?, true);
        let mut again = Repoller::new();
        let mut clock = self.life.clock();
        let mut receive = pin!(connection.receive(response, self.limits()));
        let outcome = poll_fn(|cx| {
            let pump = &mut pump;
            if pumping
                && let Poll::Ready(pumped) = again.poll(cx, |cx| Pin::new(&mut *pump).poll(cx))
            {
                pumping = false;
                if let Err(error) = pumped {
                    pump.cancel();
                    return Poll::Ready(Err(AttemptError::Own(error)));
                }
            }
            if let Poll::Ready(outcome) = receive.as_mut().poll(cx) {
                return Poll::Ready(outcome.map_err(AttemptError::Failed));
            }
            clock.poll(cx).map(|text| {
                let error = self
                    .error_context(node)
                    .error(ErrorKind::DeadlineExceeded, &text);
                Err(AttemptError::Own(error))
            })
        });
        let outcome = outcome.await;
        match &outcome {
            Err(AttemptError::Failed(_)) => self.give_back(pump.untouched()),
            Err(_) => connection.suspect(),
            Ok(_) => {}
        }
        outcome.map(AttemptOutcome::Response)
    }

    /// Sends the head. A task sends the requests, whether or not the responses are read.
    fn bidirectional(
        &self,
        node: &Node,
        connection: &Arc<Connection>,
        slot: StreamPermit,
    ) -> Result<AttemptOutcome, AttemptError> {
        let (response, out) = connection.begin(self.request(connection)?)?;
        let incoming = IncomingResponses::new(response, self.limits(), slot);
        let mut live = OpenStream::new(incoming, self.error_context(node), &self.life);
        let pump = self.pump(connection, out)?;
        let is_queue = pump.is_queue();
        let (owner, pump) = share(pump);
        let (pumping, failed) = RequestSender::new(owner, &self.life, self.error_context(node));
        let Some(task) = self.outgoing.core.tasks.own(pumping.run()) else {
            return Err(AttemptError::Own(Error::cancelled("the client is closed")));
        };
        live.pumped_by(task, failed);
        if is_queue {
            live.helps(pump);
        }
        Ok(AttemptOutcome::Stream(Box::new(live)))
    }

    fn pump(
        &self,
        connection: &Arc<Connection>,
        out: SendStream<Bytes>,
    ) -> Result<RequestPump, AttemptError> {
        let RequestBody::Many(requests) = &self.requests else {
            let text = "the call has one request, the method takes a stream";
            return Err(AttemptError::Own(Error::invalid_argument(text)));
        };
        let mut requests = requests.lock();
        let Some(requests) = requests.take() else {
            let text = "the stream of requests was sent already";
            return Err(AttemptError::Own(Error::internal(text)));
        };
        let pulse = self.life.pulse();
        Ok(RequestPump::new(
            connection,
            requests,
            out,
            self.framing,
            pulse,
        ))
    }

    fn give_back(&self, untouched: Option<PayloadStream>) {
        if let RequestBody::Many(requests) = &self.requests {
            *requests.lock() = untouched;
        }
    }

    fn error_context(&self, node: &Node) -> ErrorContext {
        ErrorContext::new(self.info, node)
    }

    /// Returns the error for the caller: the service's own error unchanged, and the client's errors
    /// with the method, the node and the attempt.
    fn say(&self, failure: Failure, node: &Node, attempt: u32) -> Error {
        if failure.is_the_service_s {
            return failure.error;
        }
        let kind = failure.error.kind();
        let text = self.counted(failure.error.message(), attempt);
        ErrorContext::new(self.info, node).error(kind, &text)
    }

    fn late(&self, node: &Node, what: &str, attempt: u32) -> Error {
        let text = format!("{what} within {}", self.waited());
        let text = self.counted(&text, attempt);
        ErrorContext::new(self.info, node).error(ErrorKind::DeadlineExceeded, &text)
    }

    fn counted(&self, text: &str, attempt: u32) -> String {
        let attempts = self.outgoing.core.config.max_attempts;
        format!("{text} (attempt {attempt} of {attempts})")
    }

    /// Returns the limit that was reached, and its origin.
    fn waited(&self) -> String {
        match self.limit {
            Some(limit) => limit.to_string(),
            None => format!("{:?}", round(self.started.elapsed())),
        }
    }
}

async fn connecting(
    link: &Arc<NodeConnection>,
    patience: Option<Duration>,
) -> Result<Arc<Connection>, Failure> {
    let Some(patience) = patience else {
        return link.connection().await;
    };
    let connected = timeout(patience, link.connection()).await;
    connected.unwrap_or_else(|_| {
        Err(Failure::unsent(format!(
            "no connection within {patience:?}"
        )))
    })
}

/// Reserves a free stream on this connection, or on another one to the same node.
async fn acquire_stream(
    node: &Node,
    mut connection: Arc<Connection>,
) -> Result<(Arc<Connection>, StreamPermit), Failure> {
    loop {
        if let Some(slot) = connection.try_acquire_owned() {
            return Ok((connection, slot));
        }
        let wider = node.value().wider(Arc::clone(&connection)).await;
        if Arc::ptr_eq(&wider, &connection) {
            let slot = connection.acquire_owned().await?;
            return Ok((connection, slot));
        }
        connection = wider;
    }
}
