//! One call and its attempts: where to, what became of it, whether once more.
//!
//! Safe to repeat is a call that certainly did not reach a handler, and an idempotent one.

mod live;
mod once;
mod open;
mod words;

use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, sleep, sleep_until};

use crate::attempt::open::Got;
use crate::backoff::pause;
use crate::clock::{Keep, Life};
use crate::connection::{Framing, Head};
use crate::core::{Core, Method};
use crate::deadline::{Timer, limit};
use crate::failure::{Failure, Reach};
use crate::link::Link;
use crate::local;
use crate::nodes::Service;
use crate::options::{Limit, Options};
use crate::selector::{Choice, Flight, Member};
use micro_core::context::Context;
use micro_core::handler::{
    Body, BoxFuture, Call, Endpoint, Frame, Kind, MethodInfo, Payload, PayloadStream, Reply,
};
use micro_message::error::{Error, Result};

/// How long to wait for a first node before asking which services there are at all.
const ASK_AFTER: Duration = Duration::from_millis(50);

/// A stream that fails later than this does not tell how slow its node is.
const QUICK: Duration = Duration::from_secs(1);

/// Where a call goes after its wraps.
pub(super) struct Outgoing {
    core: Arc<Core>,
    method: Arc<Method>,
    options: Options,
    keep: Keep,
}

type Node = Arc<Member<Arc<Link>>>;

/// Why an attempt ended without a reply.
enum Stop {
    /// The deadline came while waiting for this.
    Late(&'static str),
    Failed(Failure),
    /// Nobody else has to do with it.
    Own(Error),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// Whether an attempt may be repeated.
enum Again {
    /// Without cost for anyone but us.
    Free,
    /// From the budget.
    Paid,
    No,
}

impl Endpoint for Outgoing {
    fn call(&self, call: Call) -> BoxFuture<'_, Result<Reply>> {
        Box::pin(self.deliver(call))
    }
}

impl Outgoing {
    /// A streaming call keeps something alive: the client.
    pub(super) fn new(core: Arc<Core>, method: Arc<Method>, options: Options, keep: Keep) -> Self {
        Self {
            core,
            method,
            options,
            keep,
        }
    }

    /// How long the streams of a call may live.
    fn life(&self, context: &Context) -> Life {
        let limit = context.deadline().map(|at| match self.options.limit {
            Some(limit) if limit.at == at => limit,
            _ => Limit::until(at),
        });
        Life::new(limit, self.options.idle, self.keep.clone())
    }

    /// Through the wraps and on.
    pub(super) async fn send(&self, call: Call) -> Result<Reply> {
        if self.method.chain.is_empty() {
            self.deliver(call).await
        } else {
            self.method.chain.run(call, self).await
        }
    }

    async fn deliver(&self, call: Call) -> Result<Reply> {
        if let Some(router) = local::router(&self.core, &call, &self.options) {
            let route = router.get(&call.method().path);
            let route = route.expect("looked up before");
            if call.method().kind == Kind::Unary {
                return local::run(&self.core, route, call).await;
            }
            let life = self.life(call.context());
            let opens = self.waits(call.method(), &life);
            return local::stream(&self.core, route, call, (&life, opens)).await;
        }
        let life = self.life(call.context());
        let (context, info, body) = call.into_parts();
        let config = &self.core.config;
        let mut framing = Framing {
            codec: self.options.codec,
            limit: info.message_limit.unwrap_or(config.message_limit),
            compression: self.options.compression.unwrap_or(config.compression),
        };
        let requests = requests(body, &mut framing)
            .map_err(|error| error.context(format_args!("`{}`", info.path)))?;
        let head = Head::new(
            self.method.path.clone(),
            &framing,
            context.metadata(),
            config.metadata_limit,
        )?;
        let attempts = Attempts {
            outgoing: self,
            info: &info,
            head,
            framing,
            requests,
            deadline: context.deadline(),
            limit: self.waits(&info, &life),
            life,
            started: Instant::now(),
        };
        attempts.run().await
    }

    /// How long to wait for a reply, or for a stream to open.
    fn waits(&self, info: &MethodInfo, life: &Life) -> Option<Limit> {
        let limit = life.limit();
        if info.kind == Kind::Unary {
            return limit;
        }
        let own = Limit::after(self.core.config.timeout, "the client's timeout");
        Limit::earlier(limit, own)
    }
}

/// What an attempt sends.
enum Requests {
    /// Framed.
    One(Bytes),
    /// `None` once something was taken of it.
    Many(Mutex<Option<PayloadStream>>),
}

/// The attempts of one call.
struct Attempts<'a> {
    outgoing: &'a Outgoing,
    info: &'a Arc<MethodInfo>,
    head: Head,
    framing: Framing,
    requests: Requests,
    /// When all of the call must be over.
    deadline: Option<Instant>,
    /// How long to wait for a reply, or for a stream to open.
    limit: Option<Limit>,
    life: Life,
    started: Instant,
}

impl Attempts<'_> {
    async fn run(&self) -> Result<Reply> {
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
                once.map(Got::Reply)
            } else {
                // In a box of its own: a unary call's future need not have room for it.
                Box::pin(self.open(flight.member(), others(), &mut timer)).await
            };
            let failure = match self.in_time(outcome) {
                Ok(Got::Stream(live)) => return Ok(live.into_reply(flight)),
                Ok(Got::Reply(reply)) => {
                    self.answered(flight, &service);
                    return Ok(reply);
                }
                Err(Stop::Late(what)) => {
                    let error = self.late(flight.member(), what, attempt);
                    self.answered(flight, &service);
                    return Err(error);
                }
                Err(Stop::Own(error)) => return Err(error),
                Err(Stop::Failed(failure)) => failure,
            };
            let (node, others) = (Arc::clone(flight.member()), others());
            match failure.reach {
                Reach::Answered if !failure.error.is_retryable() => {
                    self.answered(flight, &service);
                }
                // Nothing is learned about how fast it is.
                Reach::Unsent | Reach::Unprocessed => drop(flight),
                _ if self.is_quick() => flight.failed(service.now()),
                _ => drop(flight),
            }
            let wait = match (self.may_repeat(&failure), others) {
                _ if !self.has_requests() => return Err(self.say(failure, &node, attempt)),
                // Each node once; `tried` grows, so this ends.
                (Again::Free, true) => None,
                (Again::Free, false) if attempt < core.config.attempts => Some(pause(attempt)),
                (Again::Paid, _) if attempt < core.config.attempts && core.budget.spend() => {
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

    /// What a peer gave up for the deadline is late.
    fn in_time(&self, outcome: Result<Got, Stop>) -> Result<Got, Stop> {
        outcome.map_err(|stop| match stop {
            Stop::Failed(failure) if failure.is_late(self.deadline) => Stop::Late("no reply"),
            stop => stop,
        })
    }

    fn choice<'a>(&'a self, tried: &'a [Node]) -> Choice<'a, Arc<Link>> {
        let options = &self.outgoing.options;
        Choice {
            strategy: options
                .strategy
                .unwrap_or(self.outgoing.core.config.strategy),
            filter: &options.filter,
            tried,
        }
    }

    /// Picks a node; waits for a first one.
    async fn pick(
        &self,
        choice: &Choice<'_, Arc<Link>>,
        timer: &mut Timer<'_>,
    ) -> Result<(Arc<Service>, Flight<Arc<Link>>)> {
        let core = &self.outgoing.core;
        loop {
            let service = match &self.outgoing.options.address {
                Some(address) => core.node_at(address)?,
                None => core.nodes_of(&self.outgoing.method)?,
            };
            if let Some(flight) = service.pick(choice) {
                return Ok((service, flight));
            }
            let mut known = None;
            let first = async {
                tokio::select! {
                    flight = service.wait(choice) => flight,
                    never = self.ask(&mut known) => match never {},
                }
            };
            match limit(timer, first).await {
                Ok(Some(flight)) => return Ok((service, flight)),
                Ok(None) => tokio::task::yield_now().await,
                Err(_) => return Err(self.nobody(&service, known)),
            }
        }
    }

    /// Notes which services there are, for the error to come; never ends.
    async fn ask(&self, known: &mut Option<Vec<String>>) -> std::convert::Infallible {
        sleep(ASK_AFTER).await;
        if let Some(registry) = &self.outgoing.core.registry
            && let Ok(nodes) = registry.list().await
        {
            let mut names: Vec<_> = nodes.into_iter().map(|node| node.service).collect();
            names.dedup();
            *known = Some(names);
        }
        std::future::pending().await
    }

    /// Notes how fast a node answers. A stream says nothing of that: its pace is its own.
    fn answered(&self, flight: Flight<Arc<Link>>, service: &Service) {
        if self.info.kind == Kind::Unary {
            flight.answered(service.now());
        }
    }

    /// Whether a failure may tell how slow a node is.
    fn is_quick(&self) -> bool {
        self.info.kind == Kind::Unary || self.started.elapsed() < QUICK
    }

    /// Whether there is anything to send once more.
    fn has_requests(&self) -> bool {
        match &self.requests {
            Requests::One(_) => true,
            Requests::Many(requests) => {
                let requests = requests.lock().unwrap_or_else(PoisonError::into_inner);
                requests.is_some()
            }
        }
    }

    fn may_repeat(&self, failure: &Failure) -> Again {
        match failure.reach {
            Reach::Unsent | Reach::Unprocessed => Again::Free,
            Reach::Refused => Again::Paid,
            Reach::Lost if self.info.idempotent => Again::Paid,
            Reach::Answered if self.info.idempotent && failure.error.is_retryable() => Again::Paid,
            Reach::Lost | Reach::Answered => Again::No,
        }
    }
}

/// The requests as gRPC sends them; a single one says which codec.
fn requests(body: Body, framing: &mut Framing) -> Result<Requests> {
    let payload = match body {
        Body::Many(requests) => return Ok(Requests::Many(Mutex::new(Some(requests)))),
        Body::One(payload) => payload,
    };
    if let Payload::Encoded { codec, .. } = payload {
        framing.codec = codec;
    }
    let mut bytes = Vec::with_capacity(256);
    framing.frame(payload.as_ref(), &mut bytes)?;
    Ok(Requests::One(bytes.into()))
}
