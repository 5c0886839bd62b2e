//! The task of the registry: it owns the sockets, executes commands, receives records and passes
//! them to lookups and watches.
//!
//! [`LocalNodes`] decides what to announce of this process's nodes. Queries are sent by schedule
//! only, so the task cannot cause loops or floods.

use std::collections::HashMap;
use std::hash::RandomState;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::yield_now;
use tokio::time::{Instant, sleep, sleep_until};

use crate::address;
use crate::local_nodes::LocalNodes;
use crate::packet::{self, Announcement, Instance, LISTING, Message};
use crate::service_query::{Announced, Outcome, QuerySchedule, SILENCE_TIMEOUT, ServiceQuery};
use crate::sign::Secret;
use crate::socket::{Buffers, Sockets};
use crate::sources::{LogLimit, Sources};
use micro_message::error::Result;
use micro_registry::Node;
use micro_registry::Watch;
use micro_registry::internal::{check_lookup_name, unverified};

/// Interval between scans for new interfaces.
const INTERFACE_SCAN_INTERVAL: Duration = Duration::from_secs(30);
/// Maximum number of services that are queried at the same time.
const MAX_SERVICES: usize = 1024;
/// Maximum number of goodbyes that wait for the sockets to be empty, and for how long they wait.
const MAX_GOODBYES: usize = 256;
const GOODBYE_DELAY: Duration = Duration::from_millis(100);
/// Delay after a socket error.
const ERROR_BACKOFF: Duration = Duration::from_millis(20);

/// Commands from the backend to the task.
pub(super) enum Command {
    Register(Node, Duration, oneshot::Sender<Result<()>>),
    Deregister(Node, oneshot::Sender<Result<()>>),
    Lookup(String, oneshot::Sender<Vec<Node>>),
    List(oneshot::Sender<Vec<Node>>),
    Watch(String, oneshot::Sender<Watch>),
}

pub(super) struct Engine {
    sockets: Sockets,
    /// The nodes that this process registered.
    own: LocalNodes,
    /// The secret with which the records of others must be signed, if any.
    secret: Option<Secret>,
    /// The queried services, by lower-case name.
    topics: HashMap<String, ServiceQuery>,
    sources: Sources,
    /// Keys of the fingerprints' hash.
    keys: RandomState,
    /// Limits the log lines about new nodes.
    appeared: LogLimit,
    /// Lists in flight, each with the instant at which it is answered.
    lists: Vec<(oneshot::Sender<Vec<Node>>, Instant)>,
    /// Schedule of the listing query. Used only while a list is in flight.
    asks: QuerySchedule,
    scan: Instant,
    goodbyes: Goodbyes,
}

/// Goodbyes that are processed once the sockets are empty.
///
/// A node sends its last response before its goodbye, but on another socket. If the goodbye were
/// processed first, the response would restore the node.
#[derive(Default)]
struct Goodbyes {
    waiting: Vec<(Instance, SocketAddr)>,
    /// When the first of them is processed even if further datagrams arrive.
    until: Option<Instant>,
}

impl Goodbyes {
    fn push(&mut self, goodbye: Instance, from: SocketAddr, now: Instant) {
        self.until.get_or_insert(now + GOODBYE_DELAY);
        self.waiting.push((goodbye, from));
    }

    fn are_from(&self, sender: SocketAddr) -> bool {
        self.waiting
            .iter()
            .any(|(_, from)| from.ip() == sender.ip())
    }

    /// Whether they cannot wait for the sockets to be empty.
    fn is_due(&self, now: Instant) -> bool {
        self.waiting.len() >= MAX_GOODBYES || self.until.is_some_and(|until| until <= now)
    }
}

impl Engine {
    pub(super) fn new(sockets: Sockets, secret: Option<Secret>) -> Self {
        let now = Instant::now();
        Self {
            sockets,
            own: LocalNodes::new(secret.clone(), now),
            secret,
            topics: HashMap::new(),
            sources: Sources::new(now),
            keys: RandomState::new(),
            appeared: LogLimit::default(),
            lists: Vec::new(),
            asks: QuerySchedule::new(now),
            scan: now + INTERFACE_SCAN_INTERVAL,
            goodbyes: Goodbyes::default(),
        }
    }

    /// Runs until all command senders are dropped.
    pub(super) async fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        let mut buffers = Buffers::new();
        loop {
            let next = self.next();
            tokio::select! {
                command = commands.recv() => match command {
                    Some(command) => self.obey(command).await,
                    None => return,
                },
                received = self.receive(&mut buffers) => match received {
                    None => self.process_goodbyes(),
                    Some(Ok((length, from))) => {
                        // Datagrams from one address to the group arrive in order: this one was
                        // sent after the goodbye, and may announce the node again.
                        if buffers.is_of_the_group() && self.goodbyes.are_from(from) {
                            self.process_goodbyes();
                        }
                        self.hear(buffers.last(length), from).await;
                        // Datagrams may arrive faster than they are processed. Yield, because other
                        // tasks need this thread too.
                        yield_now().await;
                        if self.goodbyes.is_due(Instant::now()) {
                            self.process_goodbyes();
                        }
                    }
                    Some(Err(error)) => {
                        tracing::debug!(%error, "datagram not received");
                        sleep(ERROR_BACKOFF).await;
                    }
                },
                () = sleep_until(next) => self.look().await,
            }
        }
    }

    /// The next datagram. Returns `None` if goodbyes wait and the sockets are empty.
    async fn receive(&self, buffers: &mut Buffers) -> Option<io::Result<(usize, SocketAddr)>> {
        tokio::select! {
            biased;
            received = self.sockets.receive(buffers) => Some(received),
            // The runtime looks at all sockets before it polls this again.
            () = yield_now(), if !self.goodbyes.waiting.is_empty() => None,
        }
    }

    fn process_goodbyes(&mut self) {
        let now = Instant::now();
        for (goodbye, from) in std::mem::take(&mut self.goodbyes).waiting {
            self.learn_node(goodbye, from, now);
        }
    }

    async fn obey(&mut self, command: Command) {
        let now = Instant::now();
        // A failed send means that the caller is gone, so the result is ignored.
        match command {
            Command::Register(node, ttl, reply) => {
                let service = node.service.clone();
                let done = self.own.register(node, ttl, &self.sockets).await;
                self.publish(&service, now);
                drop(reply.send(done));
            }
            Command::Deregister(node, reply) => {
                self.own.withdraw(&node, &self.sockets).await;
                self.publish(&node.service, now);
                drop(reply.send(Ok(())));
            }
            Command::Lookup(service, reply) => {
                self.topic(&service, now).wait(reply, now);
                self.publish(&service, now);
            }
            Command::List(reply) => {
                self.asks = QuerySchedule::new(now);
                self.lists.push((reply, now + SILENCE_TIMEOUT));
            }
            Command::Watch(service, reply) => {
                let watch = self.topic(&service, now).sender.watch();
                self.publish(&service, now);
                drop(reply.send(watch));
            }
        }
        self.look().await;
    }

    async fn hear(&mut self, bytes: &[u8], from: SocketAddr) {
        // Group datagrams only come from directly connected networks, so ignore others.
        if self.sockets.is_own(from) || !self.sockets.is_near(from) {
            return;
        }
        match packet::parse(bytes) {
            None => tracing::trace!(%from, "datagram that means nothing"),
            Some(Message::Question { id, names }) => {
                self.own.answer(id, &names, from, &self.sockets).await;
            }
            Some(Message::Answer(told)) => {
                for told in told {
                    self.learn(told, from);
                }
            }
        }
    }

    fn learn(&mut self, told: Announcement, from: SocketAddr) {
        let now = Instant::now();
        match told {
            Announcement::Service(listed) if !self.lists.is_empty() => {
                if self.wanted(&listed) {
                    self.learn_service(listed, from, now);
                }
            }
            Announcement::Service(_) => {}
            Announcement::Node(instance) => {
                let topics = &self.topics;
                let wanted =
                    |(_, service): (&str, &str)| topics.contains_key(&service.to_ascii_lowercase());
                if !instance.meanings().any(wanted) {
                    return;
                }
                if instance.ttl.is_zero() {
                    self.goodbyes.push(instance, from, now);
                } else {
                    self.learn_node(instance, from, now);
                }
            }
        }
    }

    /// Whether a listed service may be queried.
    fn wanted(&self, listed: &Instance) -> bool {
        let good = |name: &str| check_lookup_name(name).is_ok();
        self.topics.len() < MAX_SERVICES && listed.listed().is_some_and(good)
    }

    fn learn_service(&mut self, mut listed: Instance, from: SocketAddr, now: Instant) {
        if self.verified(&mut listed, from, now).is_err() {
            return;
        }
        let Some(name) = listed.listed() else { return };
        if self.topics.contains_key(&name.to_ascii_lowercase()) {
            return;
        }
        if self.sources.list(from.ip(), now) {
            self.topic(name, now);
        } else {
            let why = "it lists too many services";
            self.sources.pass_over(from.ip(), why, now);
        }
    }

    /// Verifies a record and returns the time of its signature. Returns `None` without a secret,
    /// because every record is then accepted.
    fn verified(
        &mut self,
        instance: &mut Instance,
        from: SocketAddr,
        now: Instant,
    ) -> Result<Option<u64>, ()> {
        let Some(secret) = &self.secret else {
            return Ok(None);
        };
        match instance.verify(secret) {
            Ok(signed) => {
                instance.strip_tag();
                Ok(Some(signed))
            }
            Err(invalid) => {
                self.sources.pass_over(from.ip(), invalid.reason(), now);
                Err(())
            }
        }
    }

    fn learn_node(&mut self, mut instance: Instance, from: SocketAddr, now: Instant) {
        let own = |(id, service): (&str, &str)| self.own.has(service, id);
        if instance.meanings().any(own) {
            return;
        }
        let Ok(signed) = self.verified(&mut instance, from, now) else {
            return;
        };
        let ip = self.sockets.sender(from.ip());
        let sender = (ip, signed);
        for (id, service) in instance.meanings() {
            let Some(topic) = self.topics.get_mut(&service.to_ascii_lowercase()) else {
                continue;
            };
            let outcome = if instance.ttl.is_zero() {
                topic.forget(id, sender, &mut self.sources, now)
            } else {
                let fingerprint = instance.fingerprint(&self.keys);
                if topic.renew(id, (ip, signed, fingerprint), instance.ttl, now) {
                    return;
                }
                let Some(limit) = self.sources.text_left(from.ip(), now) else {
                    let why = "it sends more than is read within a second";
                    return self.sources.pass_over(from.ip(), why, now);
                };
                let local = self.sockets.is_local(from.ip());
                let mut read = 0;
                let node =
                    instance.node_within(|told| address::choose(told, local), limit, &mut read);
                self.sources.read(from.ip(), read, now);
                let Some(node) = node else {
                    tracing::debug!(id, %from, "record passed over");
                    return;
                };
                if !node.service.eq_ignore_ascii_case(service) {
                    continue;
                }
                let announced = Announced {
                    node: if signed.is_some() {
                        node
                    } else {
                        unverified(node)
                    },
                    ttl: instance.ttl,
                    from: ip,
                    signed,
                    fingerprint,
                };
                topic.hear(announced, &mut self.sources, now)
            };
            match outcome {
                Outcome::Taken => {}
                Outcome::New => {
                    if self.appeared.allows(now) {
                        let signed = signed.is_some();
                        tracing::info!(service, id, %from, signed, "node found by multicast DNS");
                    }
                }
                Outcome::PassedOver(why) => {
                    tracing::debug!(service, id, %from, why, "record passed over");
                    self.sources.pass_over(from.ip(), why, now);
                }
            }
        }
    }

    /// Returns the query of a service and marks the service as in use.
    fn topic(&mut self, service: &str, now: Instant) -> &mut ServiceQuery {
        let name = service.to_ascii_lowercase();
        if self.topics.len() >= MAX_SERVICES && !self.topics.contains_key(&name) {
            let over = self.topics.extract_if(|_, topic| !topic.is_held());
            over.for_each(|(_, mut topic)| topic.clear(&mut self.sources));
        }
        let topic = self
            .topics
            .entry(name)
            .or_insert_with(|| ServiceQuery::new(now));
        topic.want(now);
        topic
    }

    fn publish(&mut self, service: &str, now: Instant) {
        if let Some(topic) = self.topics.get_mut(&service.to_ascii_lowercase()) {
            topic.publish(self.own.of(service, now), now);
        }
    }

    /// Performs everything that is due.
    async fn look(&mut self) {
        let now = Instant::now();
        if self.scan <= now {
            self.scan(now);
        }
        for service in self.own.look(now, &self.sockets).await {
            self.publish(&service, now);
        }
        let over = self.topics.extract_if(|_, topic| !topic.is_wanted(now));
        over.for_each(|(_, mut topic)| topic.clear(&mut self.sources));
        let mut asked = Vec::new();
        for (name, topic) in self
            .topics
            .iter_mut()
            .filter(|(_, topic)| topic.next() <= now)
        {
            if topic.look(&mut self.sources, now) {
                asked.push(name.clone());
            }
            topic.publish(self.own.of(name, now), now);
        }
        self.look_at_lists(&mut asked, now);
        for name in asked {
            match packet::question(&name) {
                Ok(bytes) => self.sockets.ask(&bytes).await,
                Err(error) => tracing::debug!(%error, "question not asked"),
            }
        }
    }

    fn look_at_lists(&mut self, asked: &mut Vec<String>, now: Instant) {
        if self.lists.is_empty() {
            return;
        }
        if self.asks.take(now) {
            asked.push(LISTING.to_owned());
        }
        let heard = self.topics.values().flat_map(ServiceQuery::nodes);
        let nodes: Vec<Node> = self.own.all(now).chain(heard).cloned().collect();
        for (reply, until) in std::mem::take(&mut self.lists) {
            if until <= now {
                // A failed send means that the caller is gone, so the result is ignored.
                drop(reply.send(nodes.clone()));
            } else if !reply.is_closed() {
                self.lists.push((reply, until));
            }
        }
        if self.lists.is_empty() {
            self.sources.listed();
        }
    }

    /// Joins the group on new interfaces. After a change, all nodes are announced and all services
    /// queried again.
    fn scan(&mut self, now: Instant) {
        self.scan = now + INTERFACE_SCAN_INTERVAL;
        match self.sockets.scan() {
            Ok(false) => {}
            Ok(true) => {
                tracing::debug!("interfaces changed");
                self.own.tell_again(now);
                self.topics
                    .values_mut()
                    .for_each(|topic| topic.ask_again(now));
            }
            Err(error) => tracing::debug!(%error, "interfaces cannot be listed"),
        }
    }

    /// The next instant at which something is due.
    fn next(&self) -> Instant {
        let topics = self.topics.values().map(ServiceQuery::next);
        let lists = self
            .lists
            .iter()
            .map(|(_, until)| self.asks.next().min(*until));
        topics
            .chain(lists)
            .chain(self.own.next())
            .fold(self.scan, Instant::min)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const TTL: Duration = Duration::from_secs(60);

    /// Waits until the watch has this number of nodes.
    async fn has(engine: &mut Engine, watch: &Watch, count: usize) {
        let waited = tokio::time::timeout(Duration::from_secs(20), async {
            while watch.current().is_none_or(|nodes| nodes.len() != count) {
                engine.look().await;
                sleep(Duration::from_millis(2)).await;
            }
        });
        assert!(waited.await.is_ok(), "{watch:?} has not {count} nodes");
    }

    /// Reads until the sockets are empty and the goodbyes are to be processed.
    async fn drained(engine: &Engine) {
        let mut buffers = Buffers::new();
        while engine.receive(&mut buffers).await.is_some() {}
    }

    #[tokio::test]
    async fn response_that_is_read_after_a_goodbye_does_not_restore_the_node() {
        let mut engine = Engine::new(Sockets::open(45_371).unwrap(), None);
        let watch = engine.topic("greeter", Instant::now()).sender.watch();
        let from = SocketAddr::from((Ipv4Addr::LOCALHOST, 9));
        let node = Node::new("greeter", "a", "127.0.0.1:8080");
        let announcement = |ttl| {
            let ip = Ipv4Addr::LOCALHOST.into();
            packet::announcement(&node, &[ip], ttl, (None, None)).unwrap()
        };
        engine.hear(&announcement(TTL), from).await;
        has(&mut engine, &watch, 1).await;
        // The node has sent its last response before its goodbye, to another socket.
        engine.hear(&announcement(Duration::ZERO), from).await;
        engine.hear(&announcement(TTL), from).await;
        drained(&engine).await;
        engine.process_goodbyes();
        has(&mut engine, &watch, 0).await;
        // Without further goodbyes, an announcement counts again.
        engine.hear(&announcement(TTL), from).await;
        has(&mut engine, &watch, 1).await;
    }

    #[tokio::test]
    async fn goodbyes_wait_for_a_limited_time_and_in_limited_number() {
        let from = SocketAddr::from((Ipv4Addr::LOCALHOST, 9));
        let node = Node::new("greeter", "a", "127.0.0.1:8080");
        let ip = Ipv4Addr::LOCALHOST.into();
        let bytes = packet::announcement(&node, &[ip], Duration::ZERO, (None, None)).unwrap();
        let goodbye = || match packet::parse(&bytes) {
            Some(Message::Answer(mut answer)) => match answer.remove(0) {
                Announcement::Node(instance) => instance,
                Announcement::Service(_) => panic!("a listing"),
            },
            _ => panic!("no announcement"),
        };
        let (mut goodbyes, now) = (Goodbyes::default(), Instant::now());
        assert!(!goodbyes.is_due(now));
        goodbyes.push(goodbye(), from, now);
        // A later one does not extend the time of the first.
        goodbyes.push(goodbye(), from, now + GOODBYE_DELAY / 2);
        assert!(!goodbyes.is_due(now + GOODBYE_DELAY / 2));
        assert!(goodbyes.is_due(now + GOODBYE_DELAY));
        for _ in 2..MAX_GOODBYES {
            assert!(!goodbyes.is_due(now));
            goodbyes.push(goodbye(), from, now);
        }
        assert!(goodbyes.is_due(now));
    }
}
