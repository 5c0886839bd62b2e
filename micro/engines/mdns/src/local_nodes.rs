//! Our nodes: when they are told to everybody, and what is answered to those who ask.
//!
//! Answers are never answered, and they are bounded a second, so no loop and no flood comes from
//! here.

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

/// When a node that is new or changed is told of, after the first time.
const ANNOUNCE_REPEATS: [Duration; 2] = [Duration::from_millis(250), Duration::from_secs(1)];
/// Least time between two tellings to everybody of one node, when others ask.
const MIN_ANNOUNCE_INTERVAL: Duration = Duration::from_millis(250);
/// The most answers a second.
const MAX_ANSWERS: u32 = 500;

/// The nodes that this process registered.
pub(super) struct LocalNodes {
    /// By service and id.
    nodes: BTreeMap<(String, String), Entry>,
    /// What signs their records.
    secret: Option<Secret>,
    budget: AnswerBudget,
}

struct Entry {
    node: Node,
    ip: IpAddr,
    /// When it is over, unless a heartbeat comes.
    until: Instant,
    /// When to tell of it without being asked; soonest last.
    due: Vec<Instant>,
    /// When everybody was told last.
    told: Instant,
}

/// How many answers may still be sent in this second.
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

    /// Takes a node, or its heartbeat, and tells everybody.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` for what cannot be written into a message.
    pub(super) async fn register(
        &mut self,
        node: Node,
        ttl: Duration,
        sockets: &Sockets,
    ) -> Result<()> {
        let ip = address::of(&node)?;
        // What cannot be written down is refused here, not when somebody asks.
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

    /// Says goodbye for a node.
    pub(super) async fn withdraw(&mut self, node: &Node, sockets: &Sockets) {
        if let Some(entry) = self.nodes.remove(&(node.service.clone(), node.id.clone())) {
            // Twice, as nobody answers and one may be lost.
            let by = (sockets, self.secret.as_ref());
            entry.tell(Duration::ZERO, by).await;
            entry.tell(Duration::ZERO, by).await;
        }
    }

    pub(super) fn has(&self, service: &str, id: &str) -> bool {
        self.nodes
            .contains_key(&(service.to_owned(), id.to_owned()))
    }

    /// Our live nodes of one service.
    pub(super) fn of(&self, service: &str, now: Instant) -> Vec<Node> {
        let from = self.nodes.range((service.to_owned(), String::new())..);
        let entries = from.take_while(|((name, _), _)| name == service);
        let live = entries.filter(|(_, entry)| entry.until > now);
        live.map(|(_, entry)| entry.node.clone()).collect()
    }

    /// All our live nodes.
    pub(super) fn all(&self, now: Instant) -> impl Iterator<Item = &Node> {
        let live = self.nodes.values().filter(move |entry| entry.until > now);
        live.map(|entry| &entry.node)
    }

    /// Tells everybody of everything soon.
    pub(super) fn tell_again(&mut self, now: Instant) {
        self.nodes
            .values_mut()
            .for_each(|entry| entry.due = vec![now]);
    }

    /// Answers a question for these names.
    pub(super) async fn answer(
        &mut self,
        id: u16,
        names: &[String],
        from: SocketAddr,
        sockets: &Sockets,
    ) {
        let now = Instant::now();
        // An answer to the port of the group would reach one process of that machine only.
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

    /// Tells one asker which services there are.
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

    /// Does what is due; the answer are the services of nodes that are over.
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

    /// When something is due next.
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

    /// Tells everybody.
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

    /// Tells one asker.
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

    /// The message; nothing when there is no address for whoever would get it.
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
