//! The nodes of this process: when they are announced to the network, and the responses to queries.
//!
//! Responses are never answered, and their rate is limited, so this module cannot cause loops or
//! floods.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::time::Instant;

use crate::address;
use crate::packet::{self, LISTING};
use crate::sign::Secret;
use crate::socket::{Interface, Sockets};
use micro_message::error::Result;
use micro_registry::Node;

/// Delays after which a new or changed node is announced again.
const ANNOUNCE_REPEATS: [Duration; 2] = [Duration::from_millis(250), Duration::from_secs(1)];
/// Minimum time between two announcements of one node that are caused by queries.
const MIN_ANNOUNCE_INTERVAL: Duration = Duration::from_millis(250);
/// Maximum number of responses per second.
const MAX_ANSWERS: u32 = 500;

/// The nodes that this process registered.
pub(super) struct LocalNodes {
    /// Nodes by service and id.
    nodes: BTreeMap<(String, String), Entry>,
    /// The secret that signs their records.
    secret: Option<Secret>,
    budget: AnswerBudget,
}

struct Entry {
    node: Node,
    ip: IpAddr,
    /// When the node expires without a heartbeat.
    until: Instant,
    /// When to announce the node without a query, soonest last.
    due: Vec<Instant>,
    /// When the node was last announced to the network.
    told: Instant,
}

/// Number of responses that may still be sent in the current second.
struct AnswerBudget {
    left: u32,
    since: Instant,
}

impl LocalNodes {
    pub(super) fn new(secret: Option<Secret>, now: Instant) -> Self {
        Self {
            nodes: BTreeMap::new(),
            secret,
            budget: AnswerBudget {
                left: MAX_ANSWERS,
                since: now,
            },
        }
    }

    /// Registers or renews a node and announces it to the network.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` for a node that does not fit into a message.
    pub(super) async fn register(
        &mut self,
        node: Node,
        ttl: Duration,
        sockets: &Sockets,
    ) -> Result<()> {
        let ip = address::of(&node)?;
        // Refuse a node that cannot be encoded now, not at the first query.
        packet::announcement(&node, &[ip], ttl, (None, self.secret.as_ref()))?;
        let now = Instant::now();
        let key = (node.service.clone(), node.id.clone());
        let mut due = Vec::new();
        if self.nodes.get(&key).is_none_or(|known| known.node != node) {
            due.extend(ANNOUNCE_REPEATS.iter().rev().map(|after| now + *after));
        }
        let entry = Entry {
            node,
            ip,
            until: now + ttl,
            due,
            told: now,
        };
        entry.tell(ttl, (sockets, self.secret.as_ref())).await;
        self.nodes.insert(key, entry);
        Ok(())
    }

    /// Announces the end of a node.
    pub(super) async fn withdraw(&mut self, node: &Node, sockets: &Sockets) {
        if let Some(entry) = self.nodes.remove(&(node.service.clone(), node.id.clone())) {
            // Send it twice: goodbyes are not acknowledged and one may be lost.
            let by = (sockets, self.secret.as_ref());
            entry.tell(Duration::ZERO, by).await;
            entry.tell(Duration::ZERO, by).await;
        }
    }

    pub(super) fn has(&self, service: &str, id: &str) -> bool {
        self.nodes
            .contains_key(&(service.to_owned(), id.to_owned()))
    }

    /// The live nodes of one service in this process.
    pub(super) fn of(&self, service: &str, now: Instant) -> Vec<Node> {
        let from = self.nodes.range((service.to_owned(), String::new())..);
        let entries = from.take_while(|((name, _), _)| name == service);
        let live = entries.filter(|(_, entry)| entry.until > now);
        live.map(|(_, entry)| entry.node.clone()).collect()
    }

    /// All live nodes of this process.
    pub(super) fn all(&self, now: Instant) -> impl Iterator<Item = &Node> {
        let live = self.nodes.values().filter(move |entry| entry.until > now);
        live.map(|entry| &entry.node)
    }

    /// Schedules an announcement of all nodes.
    pub(super) fn tell_again(&mut self, now: Instant) {
        self.nodes
            .values_mut()
            .for_each(|entry| entry.due = vec![now]);
    }

    /// Responds to a query for these names.
    pub(super) async fn answer(
        &mut self,
        id: u16,
        names: &[String],
        from: SocketAddr,
        sockets: &Sockets,
    ) {
        let now = Instant::now();
        // A unicast response to the group's port would reach only one process of that machine, so
        // those queries are answered to the group.
        let private = sockets.is_private(from);
        let by = (sockets, self.secret.as_ref());
        for entry in self
            .nodes
            .values_mut()
            .filter(|entry| entry.is_asked(names, now))
        {
            let rests = !private && now.duration_since(entry.told) < MIN_ANNOUNCE_INTERVAL;
            if rests {
                continue;
            }
            if !self.budget.take(now) {
                return;
            }
            if private {
                entry.answer(id, from, by, now).await;
            } else {
                entry.told = now;
                entry.tell(entry.until - now, by).await;
            }
        }
        if private && names.iter().any(|name| name == LISTING) {
            self.list(id, from, sockets, now).await;
        }
    }

    /// Sends the list of services to one peer.
    async fn list(&mut self, id: u16, from: SocketAddr, sockets: &Sockets, now: Instant) {
        let mut services: HashMap<&str, Duration> = HashMap::new();
        for entry in self.nodes.values().filter(|entry| entry.until > now) {
            let ttl = services.entry(&entry.node.service).or_default();
            *ttl = (entry.until - now).max(*ttl);
        }
        for (service, ttl) in services {
            if !self.budget.take(now) {
                return;
            }
            match packet::listing(service, ttl, (Some(id), self.secret.as_ref())) {
                Ok(bytes) => sockets.answer(&bytes, from).await,
                Err(error) => tracing::debug!(%error, "service not listed"),
            }
        }
    }

    /// Performs everything that is due. Returns the services of expired nodes.
    pub(super) async fn look(&mut self, now: Instant, sockets: &Sockets) -> Vec<String> {
        let mut over = Vec::new();
        self.nodes.retain(|(service, _), entry| {
            let live = entry.until > now;
            if !live {
                over.push(service.clone());
            }
            live
        });
        for entry in self.nodes.values_mut() {
            if entry.due.pop_if(|due| *due <= now).is_some() {
                entry.told = now;
                let by = (sockets, self.secret.as_ref());
                entry.tell(entry.until - now, by).await;
            }
        }
        over
    }

    /// The next instant at which something is due.
    pub(super) fn next(&self) -> Option<Instant> {
        let next = |entry: &Entry| {
            entry
                .due
                .last()
                .map_or(entry.until, |due| entry.until.min(*due))
        };
        self.nodes.values().map(next).min()
    }
}

impl Entry {
    fn is_asked(&self, names: &[String], now: Instant) -> bool {
        let service = &self.node.service;
        let is_it = |name: &String| match name.strip_suffix(service.as_str()) {
            Some("") => true,
            Some(front) => front
                .strip_suffix('.')
                .is_some_and(|id| self.node.id.eq_ignore_ascii_case(id)),
            None => false,
        };
        self.until > now && names.iter().any(is_it)
    }

    /// Announces the node to all networks.
    async fn tell(&self, ttl: Duration, (sockets, secret): (&Sockets, Option<&Secret>)) {
        let say = |interface: &Interface| {
            self.written(
                &address::on(self.ip, interface, &sockets.interfaces),
                ttl,
                (None, secret),
            )
        };
        sockets.tell(say).await;
    }

    /// Sends the node to one peer.
    async fn answer(
        &self,
        id: u16,
        from: SocketAddr,
        (sockets, secret): (&Sockets, Option<&Secret>),
        now: Instant,
    ) {
        let local = sockets.is_local(from.ip());
        let addresses = address::to(self.ip, from.ip(), local, &sockets.interfaces);
        if let Some(bytes) = self.written(&addresses, self.until - now, (Some(id), secret)) {
            sockets.answer(&bytes, from).await;
        }
    }

    /// Encodes the message. Returns `None` without an address that the receiver could use.
    fn written(
        &self,
        addresses: &[IpAddr],
        ttl: Duration,
        asked: (Option<u16>, Option<&Secret>),
    ) -> Option<Vec<u8>> {
        if addresses.is_empty() {
            return None;
        }
        let written = packet::announcement(&self.node, addresses, ttl, asked);
        let log = |error| tracing::debug!(node = self.node.id, %error, "node not told of");
        written.map_err(log).ok()
    }
}

impl AnswerBudget {
    fn take(&mut self, now: Instant) -> bool {
        if now.duration_since(self.since) >= Duration::from_secs(1) {
            *self = Self {
                left: MAX_ANSWERS,
                since: now,
            };
        }
        if self.left == 0 {
            tracing::debug!("too many questions, some are not answered");
            return false;
        }
        self.left -= 1;
        true
    }
}
