//! One call and its attempts: where to, what became of it, whether once more.
//!
//! Safe to repeat is a call that certainly did not reach a handler, and an idempotent one.

mod words;

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::client::backoff::pause;
use crate::client::clock::{Keep, Life};
use crate::client::connection::{Connection, Head, Limits};
use crate::client::core::{Core, Method};
use crate::client::deadline::{Timer, limit};
use crate::client::failure::{Failure, Reach};
use crate::client::link::Link;
use crate::client::local;
use crate::client::nodes::Service;
use crate::client::options::{Limit, Options};
use crate::codec::Codec;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::handler::{BoxFuture, Call, Endpoint, Kind, MethodInfo, Payload, Reply};
use crate::selector::{Choice, Flight, Member};

/// Decoding may take this many times the longest message: values are larger than their bytes.
const MEMORY: usize = 4;
/// How long to wait for a first node before asking which services there are at all.
const ASK_AFTER: Duration = Duration::from_millis(50);

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
                return local::run(route, call).await;
            }
            let life = self.life(call.context());
            return local::stream(&self.core, route, call, &life).await;
        }
        let (context, info, body) = call.into_parts();
        if info.kind.streams_requests() || info.kind.streams_replies() {
            let text = format!(
                "`{}` is a streaming method, only unary ones can be called",
                info.path
            );
            return Err(Error::unimplemented(text));
        }
        let (codec, frame) = frame(&body.into_one()?, self.core.config.message_limit)
            .map_err(|error| error.context(format_args!("`{}`", info.path)))?;
        let path = self.method.path.clone();
        let head = Head::new(
            path,
            codec,
            context.metadata(),
            self.core.config.metadata_limit,
        )?;
        let attempts = Attempts {
            outgoing: self,
            info: &info,
            head,
            frame,
            deadline: context.deadline(),
            started: Instant::now(),
        };
        attempts.run().await
    }
}

/// The attempts of one call.
struct Attempts<'a> {
    outgoing: &'a Outgoing,
    info: &'a MethodInfo,
    head: Head,
    frame: Bytes,
    deadline: Option<Instant>,
    started: Instant,
}

impl Attempts<'_> {
    async fn run(&self) -> Result<Reply> {
        let core = &self.outgoing.core;
        let timer = pin!(self.deadline.map(sleep_until));
        let mut timer: Timer<'_> = timer;
        core.budget.earn();
        let mut tried: Vec<Node> = Vec::new();
        let mut attempt = 1;
        loop {
            let choice = self.choice(&tried);
            let (service, flight) = self.pick(&choice, &mut timer).await?;
            let others = || service.table.has_other(&choice, flight.member());
            let failure = match self.once(flight.member(), others(), &mut timer).await {
                Ok(reply) => {
                    flight.answered(service.now());
                    return Ok(reply);
                }
                Err(Stop::Late(what)) => {
                    let error = self.late(flight.member(), what, attempt);
                    flight.answered(service.now());
                    return Err(error);
                }
                Err(Stop::Failed(failure)) => failure,
            };
            let (node, others) = (Arc::clone(flight.member()), others());
            match failure.reach {
                Reach::Answered if !failure.error.is_retryable() => flight.answered(service.now()),
                // Nothing is learned about how fast it is.
                Reach::Unsent | Reach::Unprocessed => drop(flight),
                _ => flight.failed(service.now()),
            }
            let wait = match (self.may_repeat(&failure), others) {
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
                if self.deadline.is_some_and(|at| Instant::now() + wait >= at) {
                    return Err(self.say(failure, &node, attempt));
                }
                sleep(wait).await;
                attempt += 1;
            }
            tried.push(node);
        }
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

    /// One attempt at one node.
    async fn once(&self, node: &Node, others: bool, timer: &mut Timer<'_>) -> Result<Reply, Stop> {
        let config = &self.outgoing.core.config;
        if tracing::enabled!(tracing::Level::DEBUG) {
            tracing::Span::current().record("node", &*node.node().id);
        }
        let link = node.value();
        let connection = if let Some(connection) = link.open() {
            connection
        } else {
            let connecting = connecting(link, others.then_some(config.patience));
            let connected = limit(timer, connecting).await;
            connected.map_err(|_| Stop::Late("no connection"))??
        };
        let entered = limit(timer, connection.enter()).await;
        let _slot = entered.map_err(|_| Stop::Late("no free stream"))??;
        let left = self
            .deadline
            .map(|at| at.saturating_duration_since(Instant::now()));
        if left.is_some_and(|left| left.is_zero()) {
            return Err(Stop::Late("nothing sent"));
        }
        let request = self.head.request(connection.authority(), left);
        let response = connection.send(request, self.frame.clone());
        let response = response.inspect_err(|_| link.forget(&connection))?;
        let limits = Limits {
            message: config.message_limit,
            memory: config.message_limit.saturating_mul(MEMORY),
        };
        let mut receive = pin!(connection.receive(response, limits));
        let Ok(reply) = limit(timer, receive.as_mut()).await else {
            connection.suspect();
            return Err(Stop::Late("no reply"));
        };
        reply.map_err(|failure| {
            // A peer that leaves takes no more calls.
            if matches!(failure.reach, Reach::Unprocessed | Reach::Unsent) {
                link.forget(&connection);
            }
            Stop::Failed(failure)
        })
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

async fn connecting(
    link: &Arc<Link>,
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

/// The request as gRPC sends it: a prefix of flag and length, then the message.
fn frame(payload: &Payload, limit: usize) -> Result<(Codec, Bytes)> {
    let codec = match payload {
        Payload::Encoded { codec, .. } => *codec,
        Payload::Value(_) => Codec::Protobuf,
    };
    let mut bytes = Vec::with_capacity(256);
    bytes.extend_from_slice(&[0; 5]);
    payload.write(codec, &mut bytes)?;
    let len = bytes.len() - 5;
    let Some(prefix) = u32::try_from(len).ok().filter(|_| len <= limit) else {
        return Err(Error::resource_exhausted(format!(
            "the request has {len} bytes, the limit is {limit} (`message_limit`)"
        )));
    };
    bytes[1..5].copy_from_slice(&prefix.to_be_bytes());
    Ok((codec, bytes.into()))
}
