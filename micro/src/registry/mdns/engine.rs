//! The one task: owns the sockets, tells of our nodes, answers questions, hears of others.
//!
//! Answers are never answered, questions are sent by schedule only, and answers are bounded a second,
//! so no loop and no flood comes from here.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep, sleep_until};

use crate::error::Result;
use crate::registry::mdns::address;
use crate::registry::mdns::packet::{self, Instance, LISTING, Message, Told};
use crate::registry::mdns::socket::{Buffers, Sockets};
use crate::registry::mdns::topic::{Asks, Topic, WINDOW};
use crate::registry::record::Node;
use crate::registry::watch::Watch;

/// When a node that is new or changed is told of, after the first time.
const TELL_AGAIN: [Duration; 2] = [Duration::from_millis(250), Duration::from_secs(1)];
/// Least time between two tellings to everybody of one node, when others ask.
const REST: Duration = Duration::from_millis(250);
/// How often new interfaces are looked for.
const SCAN: Duration = Duration::from_secs(30);
/// The most services that are wanted at once.
const MAX_TOPICS: usize = 1024;
/// The most answers a second.
const MAX_ANSWERS: u32 = 500;
/// Pause after a socket's error.
const PAUSE: Duration = Duration::from_millis(20);

/// What the backend asks of the task.
pub(super) enum Command {
    Register(Node, Duration, oneshot::Sender<Result<()>>),
    Deregister(Node, oneshot::Sender<Result<()>>),
    Lookup(String, oneshot::Sender<Vec<Node>>),
    List(oneshot::Sender<Vec<Node>>),
    Watch(String, oneshot::Sender<Watch>),
}

pub(super) struct Engine {
    sockets: Sockets,
    /// Nodes we tell of, by service and id.
    own: BTreeMap<(String, String), Own>,
    /// Services that are wanted, by lower-case name.
    topics: HashMap<String, Topic>,
    /// Lists under way, and when each takes what there is.
    lists: Vec<(oneshot::Sender<Vec<Node>>, Instant)>,
    /// When to ask for the services there are; only while a list is under way.
    asks: Asks,
    budget: Budget,
    scan: Instant,
}

struct Own {
    node: Node,
    ip: IpAddr,
    /// When it is over, unless a heartbeat comes.
    until: Instant,
    /// When to tell of it without being asked; soonest last.
    due: Vec<Instant>,
    told: Instant,
}

/// How many answers may still be sent in this second.
struct Budget {
    left: u32,
    since: Instant,
}

impl Budget {
    fn take(&mut self, now: Instant) -> bool {
        if now.duration_since(self.since) >= Duration::from_secs(1) {
            *self = Self {
                left: MAX_ANSWERS,
                since: now,
            };
        }
        self.left = self.left.saturating_sub(1);
        self.left > 0
    }
}

impl Engine {
    pub(super) fn new(sockets: Sockets) -> Self {
        let now = Instant::now();
        Self {
            sockets,
            own: BTreeMap::new(),
            topics: HashMap::new(),
            lists: Vec::new(),
            asks: Asks::new(now),
            budget: Budget {
                left: MAX_ANSWERS,
                since: now,
            },
            scan: now + SCAN,
        }
    }

    /// Works until nobody can ask any more.
    pub(super) async fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        let mut buffers = Buffers::new();
        loop {
            let next = self.next();
            tokio::select! {
                command = commands.recv() => match command {
                    Some(command) => self.obey(command).await,
                    None => return,
                },
                received = self.sockets.receive(&mut buffers) => match received {
                    Ok((length, from)) => self.hear(buffers.last(length), from).await,
                    Err(error) => {
                        tracing::debug!(%error, "datagram not received");
                        sleep(PAUSE).await;
                    }
                },
                () = sleep_until(next) => self.look().await,
            }
        }
    }

    async fn obey(&mut self, command: Command) {
        let now = Instant::now();
        // A caller that is gone needs no answer.
        match command {
            Command::Register(node, ttl, reply) => {
                let done = self.register(node, ttl, now).await;
                drop(reply.send(done));
            }
            Command::Deregister(node, reply) => {
                let done = self.deregister(&node).await;
                drop(reply.send(done));
            }
            Command::Lookup(service, reply) => {
                self.topic(&service, now).wait(reply, now);
                self.publish(&service, now);
            }
            Command::List(reply) => {
                self.asks = Asks::new(now);
                self.lists.push((reply, now + WINDOW));
            }
            Command::Watch(service, reply) => {
                let watch = self.topic(&service, now).sender.watch();
                self.publish(&service, now);
                drop(reply.send(watch));
            }
        }
        self.look().await;
    }

    async fn register(&mut self, node: Node, ttl: Duration, now: Instant) -> Result<()> {
        let ip = address::of(&node)?;
        // What cannot be written down is refused here, not when somebody asks.
        packet::announcement(&node, &[ip], ttl, None)?;
        let service = node.service.clone();
        let key = (service.clone(), node.id.clone());
        let is_new = self.own.get(&key).is_none_or(|own| own.node != node);
        let due = if is_new {
            TELL_AGAIN.iter().rev().map(|after| now + *after).collect()
        } else {
            vec![]
        };
        let own = Own {
            node,
            ip,
            until: now + ttl,
            due,
            told: now,
        };
        self.tell(&own, ttl).await;
        self.own.insert(key, own);
        self.publish(&service, now);
        Ok(())
    }

    async fn deregister(&mut self, node: &Node) -> Result<()> {
        let key = (node.service.clone(), node.id.clone());
        if let Some(own) = self.own.remove(&key) {
            // Twice, as nobody answers and one may be lost.
            self.tell(&own, Duration::ZERO).await;
            self.tell(&own, Duration::ZERO).await;
        }
        self.publish(&node.service, Instant::now());
        Ok(())
    }

    /// Tells everybody of a node.
    async fn tell(&self, own: &Own, ttl: Duration) {
        let all = &self.sockets.interfaces;
        let say = |interface: &_| {
            let addresses = address::on(own.ip, interface, all);
            written(&own.node, &addresses, ttl, None)
        };
        self.sockets.tell(say).await;
    }

    async fn hear(&mut self, bytes: &[u8], from: SocketAddr) {
        if self.sockets.is_own(from) {
            return;
        }
        match packet::parse(bytes) {
            None => tracing::trace!(%from, "datagram that means nothing"),
            Some(Message::Question { id, names }) => self.answer(id, &names, from).await,
            Some(Message::Answer(told)) => {
                for told in told {
                    self.learn(told, from);
                }
            }
        }
    }

    async fn answer(&mut self, id: u16, names: &[String], from: SocketAddr) {
        let now = Instant::now();
        let private = self.sockets.is_private(from);
        let wanted = |own: &Own| {
            let service = own.node.service.to_ascii_lowercase();
            let instance = format!("{}.{service}", own.node.id.to_ascii_lowercase());
            own.until > now
                && names
                    .iter()
                    .any(|name| *name == service || *name == instance)
        };
        let due = |own: &Own| private || now.duration_since(own.told) >= REST;
        let keys = self.own.iter().filter(|(_, own)| wanted(own) && due(own));
        for key in keys.map(|(key, _)| key.clone()).collect::<Vec<_>>() {
            if !self.budget.take(now) {
                tracing::debug!("too many questions, some are not answered");
                return;
            }
            self.tell_one(&key, private.then_some((id, from)), now)
                .await;
        }
        if names.iter().any(|name| name == LISTING) {
            self.answer_listing(id, from, now).await;
        }
    }

    /// Tells of a node to one asker, or to everybody.
    async fn tell_one(
        &mut self,
        key: &(String, String),
        asker: Option<(u16, SocketAddr)>,
        now: Instant,
    ) {
        let Some(own) = self.own.get_mut(key) else {
            return;
        };
        let ttl = own.until.saturating_duration_since(now);
        let Some((id, from)) = asker else {
            own.told = now;
            let own = &self.own[key];
            self.tell(own, ttl).await;
            return;
        };
        let local = self.sockets.is_local(from.ip());
        let addresses = address::to(own.ip, from.ip(), local, &self.sockets.interfaces);
        if let Some(bytes) = written(&own.node, &addresses, ttl, Some(id)) {
            self.sockets.answer(&bytes, from).await;
        }
    }

    /// Tells one asker which services there are; others are told by who serves them.
    async fn answer_listing(&mut self, id: u16, from: SocketAddr, now: Instant) {
        if !self.sockets.is_private(from) {
            return;
        }
        let mut services: HashMap<&str, Duration> = HashMap::new();
        for own in self.own.values() {
            let ttl = own.until.saturating_duration_since(now);
            let known = services.entry(&own.node.service).or_default();
            *known = ttl.max(*known);
        }
        for (service, ttl) in services.into_iter().filter(|(_, ttl)| !ttl.is_zero()) {
            if !self.budget.take(now) {
                return;
            }
            match packet::listing(service, ttl, Some(id)) {
                Ok(bytes) => self.sockets.answer(&bytes, from).await,
                Err(error) => tracing::debug!(%error, "service not listed"),
            }
        }
    }

    fn learn(&mut self, told: Told, from: SocketAddr) {
        let now = Instant::now();
        match told {
            Told::Service(name) if !self.lists.is_empty() => {
                let room = self.topics.len() < MAX_TOPICS;
                if room && crate::registry::record::check_question(&name).is_ok() {
                    self.topic(&name, now);
                }
            }
            Told::Service(_) => {}
            Told::Node(instance) => self.learn_node(&instance, from, now),
        }
    }

    fn learn_node(&mut self, instance: &Instance, from: SocketAddr, now: Instant) {
        let Some(topic) = self.topics.get_mut(&instance.service.to_ascii_lowercase()) else {
            return;
        };
        if self
            .own
            .contains_key(&(instance.service.clone(), instance.id.clone()))
        {
            return;
        }
        if instance.ttl.is_zero() {
            topic.forget(&instance.id);
        } else {
            let local = self.sockets.is_local(from.ip());
            match instance.node(|told| address::choose(told, local)) {
                Some(node) => topic.hear(node, instance.ttl, now),
                None => tracing::debug!(id = instance.id, %from, "record passed over"),
            }
        }
        self.publish(&instance.service, now);
    }

    /// The topic of a service, which is wanted from now on.
    fn topic(&mut self, service: &str, now: Instant) -> &mut Topic {
        let name = service.to_ascii_lowercase();
        if self.topics.len() >= MAX_TOPICS && !self.topics.contains_key(&name) {
            self.topics.retain(|_, topic| !topic.sender.is_closed());
        }
        let topic = self.topics.entry(name).or_insert_with(|| Topic::new(now));
        topic.want(now);
        topic
    }

    fn publish(&mut self, service: &str, now: Instant) {
        let own = self.own.range((service.to_owned(), String::new())..);
        let own = own
            .take_while(|((name, _), _)| name == service)
            .map(|(_, own)| own);
        let own = own
            .filter(|own| own.until > now)
            .map(|own| own.node.clone())
            .collect();
        if let Some(topic) = self.topics.get_mut(&service.to_ascii_lowercase()) {
            topic.publish(own, now);
        }
    }

    /// Does what is due.
    async fn look(&mut self) {
        let now = Instant::now();
        if self.scan <= now {
            self.scan(now);
        }
        self.tell_due(now).await;
        self.topics.retain(|_, topic| topic.is_wanted(now));
        let mut asked = Vec::new();
        for (name, topic) in &mut self.topics {
            if topic.look(now) {
                asked.push(name.clone());
            }
        }
        for service in self.topics.keys().cloned().collect::<Vec<_>>() {
            self.publish(&service, now);
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
        let own = self
            .own
            .values()
            .filter(|own| own.until > now)
            .map(|own| &own.node);
        let nodes: Vec<Node> = own
            .chain(self.topics.values().flat_map(Topic::nodes))
            .cloned()
            .collect();
        for (reply, until) in std::mem::take(&mut self.lists) {
            if until <= now {
                drop(reply.send(nodes.clone()));
            } else if !reply.is_closed() {
                self.lists.push((reply, until));
            }
        }
    }

    async fn tell_due(&mut self, now: Instant) {
        self.own.retain(|_, own| own.until > now);
        let mut due = Vec::new();
        for (key, own) in &mut self.own {
            if own.due.pop_if(|due| *due <= now).is_some() {
                due.push(key.clone());
            }
        }
        for key in due {
            self.tell_one(&key, None, now).await;
        }
    }

    /// Joins interfaces that came; on a changed network everything is told and asked again.
    fn scan(&mut self, now: Instant) {
        self.scan = now + SCAN;
        match self.sockets.scan() {
            Ok(false) => {}
            Ok(true) => {
                tracing::debug!("interfaces changed");
                self.own.values_mut().for_each(|own| own.due = vec![now]);
                self.topics
                    .values_mut()
                    .for_each(|topic| topic.ask_again(now));
            }
            Err(error) => tracing::debug!(%error, "interfaces cannot be listed"),
        }
    }

    /// When something is due next.
    fn next(&self) -> Instant {
        let now = Instant::now();
        let own = self
            .own
            .values()
            .map(|own| own.due.last().map_or(own.until, |due| own.until.min(*due)));
        let topics = self.topics.values().map(|topic| topic.next(now));
        let lists = self
            .lists
            .iter()
            .map(|(_, until)| self.asks.next().min(*until));
        own.chain(topics)
            .chain(lists)
            .min()
            .map_or(self.scan, |next| next.min(self.scan))
    }
}

/// A node's message; nothing when it has no address for whoever would get it.
fn written(
    node: &Node,
    addresses: &[IpAddr],
    ttl: Duration,
    asked: Option<u16>,
) -> Option<Vec<u8>> {
    if addresses.is_empty() {
        return None;
    }
    match packet::announcement(node, addresses, ttl, asked) {
        Ok(bytes) => Some(bytes),
        Err(error) => {
            tracing::debug!(node = node.id, %error, "node not told of");
            None
        }
    }
}
