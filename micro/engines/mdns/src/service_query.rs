//! The known nodes of one service that this process queries.
//!
//! Nodes of other services are not kept, so a busy network costs little. This module does no I/O:
//! it computes when to send queries and when records expire.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::address::rank;
use crate::sign;
use crate::sources::Sources;
use micro_registry::Node;
use micro_registry::WatchSender;

/// When queries are sent after a service is first used. The query is repeated because datagrams may
/// be lost.
const QUERY_DELAYS: [Duration; 4] = [
    Duration::ZERO,
    Duration::from_millis(20),
    Duration::from_millis(100),
    Duration::from_millis(400),
];
/// Time without a response after which a service is considered to have no nodes.
pub(super) const SILENCE_TIMEOUT: Duration = Duration::from_secs(1);
/// How long to wait for further responses after the first one.
const ANSWER_WAIT: Duration = Duration::from_millis(30);
/// Interval between queries while the service is in use.
const QUERY_INTERVAL: Duration = Duration::from_secs(60);
/// How long a service stays in use after a lookup.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// Maximum number of nodes of one service.
const MAX_NODES: usize = 2048;
/// Maximum size of the nodes of one service, in bytes.
const MAX_BYTES: usize = 4 * 1024 * 1024;
/// Maximum size of one node, in bytes.
const MAX_NODE: usize = 256 * 1024;
/// Minimum time between two lists that are sent because of datagrams. The first change is sent at
/// once.
const PUBLISH_INTERVAL: Duration = Duration::from_millis(20);
/// Additional time per node: sending a list copies it for every watch.
const PUBLISH_INTERVAL_PER_NODE: Duration = Duration::from_micros(250);
/// Maximum number of ended nodes that are remembered, so that older signed records do not restore
/// them.
const MAX_ENDED: usize = 2048;

/// When to send queries.
pub(super) struct QuerySchedule {
    start: Instant,
    step: usize,
}

impl QuerySchedule {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            start: now,
            step: 0,
        }
    }

    pub(super) fn next(&self) -> Instant {
        self.start
            + QUERY_DELAYS
                .get(self.step)
                .copied()
                .unwrap_or(QUERY_INTERVAL)
    }

    /// Whether to send a query now.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        if now < self.next() {
            return false;
        }
        if self.step == QUERY_DELAYS.len() {
            *self = Self {
                start: now,
                step: QUERY_DELAYS.len(),
            };
        } else {
            self.step += 1;
        }
        true
    }
}

/// A service that is in use.
pub(super) struct ServiceQuery {
    /// Feeds the watches. The service stays in use while there is one.
    pub(super) sender: WatchSender,
    wanted_until: Instant,
    asks: QuerySchedule,
    /// When the service is considered to have no nodes, and whether this was already processed.
    known: Instant,
    known_seen: bool,
    /// When waiting for further responses ends, after the first one.
    settled: Option<Instant>,
    /// Known nodes by id.
    heard: BTreeMap<String, KnownNode>,
    /// Total size of the known nodes, in bytes.
    bytes: usize,
    /// Ended nodes by id: the time of the newest signature, and until when that record could be
    /// replayed.
    ended: HashMap<String, (u64, Instant)>,
    /// No later than the first instant at which a node expires or must be queried again.
    due: Option<Instant>,
    /// Whether there are changes that were not sent to the watches, and when a list was last sent.
    changed: bool,
    published: Option<Instant>,
    /// Lookups in flight, each with the instant at which it is answered.
    waiting: Vec<(oneshot::Sender<Vec<Node>>, Instant)>,
}

struct KnownNode {
    node: Node,
    from: IpAddr,
    /// Time of the newest record's signature. `None` without a secret.
    signed: Option<u64>,
    /// Fingerprint of the text and addresses from which the node was decoded.
    fingerprint: u64,
    bytes: usize,
    until: Instant,
    /// When to query the node again, unless it is renewed before.
    doubt: Instant,
}

/// A node as announced by a peer.
pub(super) struct Announced {
    pub(super) node: Node,
    pub(super) ttl: Duration,
    /// Address of the sender.
    pub(super) from: IpAddr,
    /// Time of the signature, in milliseconds since the Unix epoch. `None` without a secret.
    pub(super) signed: Option<u64>,
    /// Fingerprint that distinguishes the text and addresses from others without decoding them.
    pub(super) fingerprint: u64,
}

/// The result of processing a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The record was accepted or was already known.
    Taken,
    New,
    PassedOver(&'static str),
}

const ANOTHER_SENDER: &str = "another address announced this node";
const OLDER: &str = "a newer record was signed";
const TOO_LARGE: &str = "a node takes too much memory";
const FULL: &str = "too many nodes, or too large ones";

impl ServiceQuery {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            sender: WatchSender::new(),
            wanted_until: now + IDLE_TIMEOUT,
            asks: QuerySchedule::new(now),
            known: now + SILENCE_TIMEOUT,
            known_seen: false,
            settled: None,
            heard: BTreeMap::new(),
            bytes: 0,
            ended: HashMap::new(),
            due: None,
            changed: false,
            published: None,
            waiting: Vec::new(),
        }
    }

    pub(super) fn want(&mut self, now: Instant) {
        self.wanted_until = now + IDLE_TIMEOUT;
    }

    pub(super) fn is_wanted(&self, now: Instant) -> bool {
        now < self.wanted_until || self.is_held()
    }

    /// Whether a watch or lookup currently waits for the service.
    pub(super) fn is_held(&self) -> bool {
        !self.sender.is_closed() || !self.waiting.is_empty()
    }

    /// Restarts the query schedule, because the network may have changed or no node responded so
    /// far.
    pub(super) fn ask_again(&mut self, now: Instant) {
        self.asks = QuerySchedule::new(now);
    }

    /// Adds a lookup. [`publish`](Self::publish) answers it.
    pub(super) fn wait(&mut self, reply: oneshot::Sender<Vec<Node>>, now: Instant) {
        self.want(now);
        self.waiting.retain(|(reply, _)| !reply.is_closed());
        if self.heard.is_empty() && now >= self.known {
            self.ask_again(now);
            self.settled = None;
        }
        self.waiting.push((reply, now + SILENCE_TIMEOUT));
    }

    /// Renews a node if the record is identical to the known one. Returns whether it is.
    pub(super) fn renew(
        &mut self,
        id: &str,
        (from, signed, fingerprint): (IpAddr, Option<u64>, u64),
        ttl: Duration,
        now: Instant,
    ) -> bool {
        let Some(heard) = self.heard.get_mut(id) else {
            return false;
        };
        let same = heard.fingerprint == fingerprint
            && (signed.is_some() || heard.from == from)
            && heard.signed <= signed;
        if same {
            heard.renew(signed, ttl, now);
        }
        same
    }

    /// Processes the announcement of a node, which is valid for its ttl from now.
    ///
    /// Without a signature, only the sender that first announced a node may change it while the
    /// node is alive.
    pub(super) fn hear(
        &mut self,
        announced: Announced,
        sources: &mut Sources,
        now: Instant,
    ) -> Outcome {
        let id = &announced.node.id;
        let newest = self.heard.get(id).and_then(|heard| heard.signed);
        let newest = newest.max(self.ended.get(id).map(|(signed, _)| *signed));
        if announced.signed < newest {
            return Outcome::PassedOver(OLDER);
        }
        if let Some(heard) = self.heard.get_mut(id) {
            // A node that is announced on several networks has several addresses. Keep the better
            // one. Of two equally good ones, keep the first while it is announced.
            let same = differs_by_ip_only(&heard.node, &announced.node);
            if same && rank_of(&announced.node) >= rank_of(&heard.node) {
                return Outcome::Taken;
            }
            // A datagram from another machine cannot have a loopback source address.
            let allowed = announced.signed.is_some()
                || heard.from == announced.from
                || (same && announced.from.is_loopback());
            if !allowed {
                // A machine on two networks announces its nodes on both.
                return if same || heard.node == announced.node {
                    Outcome::Taken
                } else {
                    Outcome::PassedOver(ANOTHER_SENDER)
                };
            }
            // Keep one copy of the record, however often it is announced.
            if heard.node == announced.node {
                heard.fingerprint = announced.fingerprint;
                heard.renew(announced.signed, announced.ttl, now);
                return Outcome::Taken;
            }
        }
        self.keep(announced, sources, now)
    }

    fn keep(&mut self, announced: Announced, sources: &mut Sources, now: Instant) -> Outcome {
        let bytes = size(&announced.node);
        if bytes > MAX_NODE {
            return Outcome::PassedOver(TOO_LARGE);
        }
        let known = self.heard.get(&announced.node.id);
        let before = known.map_or(0, |heard| heard.bytes);
        let full = known.is_none() && self.heard.len() >= MAX_NODES;
        if full || self.bytes - before + bytes > MAX_BYTES {
            return Outcome::PassedOver(FULL);
        }
        let instead = known.map(|heard| (heard.from, heard.bytes));
        let is_new = known.is_none();
        if !sources.take((announced.from, bytes), instead, now) {
            return Outcome::PassedOver(FULL);
        }
        self.bytes = self.bytes - before + bytes;
        let Announced {
            node,
            ttl,
            from,
            signed,
            fingerprint,
        } = announced;
        let mut heard = KnownNode {
            node,
            from,
            signed,
            fingerprint,
            bytes,
            until: now,
            doubt: now,
        };
        heard.renew(signed, ttl, now);
        self.due = Some(self.due.map_or(heard.doubt, |due| due.min(heard.doubt)));
        self.ended.remove(&heard.node.id);
        self.heard.insert(heard.node.id.clone(), heard);
        self.changed = true;
        if is_new { Outcome::New } else { Outcome::Taken }
    }

    /// Processes the goodbye of a node. Without a signature, only the sender that announced the
    /// node may end it.
    pub(super) fn forget(
        &mut self,
        id: &str,
        (from, signed): (IpAddr, Option<u64>),
        sources: &mut Sources,
        now: Instant,
    ) -> Outcome {
        let Some(heard) = self.heard.get(id) else {
            self.end(id, signed, now);
            return Outcome::Taken;
        };
        if signed < heard.signed {
            return Outcome::PassedOver(OLDER);
        }
        if signed.is_none() && heard.from != from {
            return Outcome::PassedOver(ANOTHER_SENDER);
        }
        self.remove(id, sources);
        self.end(id, signed, now);
        Outcome::Taken
    }

    /// Removes a node. Returns the time of its newest signature.
    fn remove(&mut self, id: &str, sources: &mut Sources) -> Option<u64> {
        let heard = self.heard.remove(id)?;
        self.bytes -= heard.bytes;
        sources.give_back(heard.from, heard.bytes);
        self.changed = true;
        heard.signed
    }

    /// Remembers the time of an ended node's last signature while that record could be replayed.
    fn end(&mut self, id: &str, signed: Option<u64>, now: Instant) {
        let Some(signed) = signed else { return };
        self.ended.retain(|_, (_, until)| *until > now);
        if self.ended.len() < MAX_ENDED {
            // A record is accepted from one window before its time to one window after it.
            self.ended
                .insert(id.to_owned(), (signed, now + 2 * sign::MAX_CLOCK_SKEW));
        } else {
            tracing::debug!(id, "too many nodes have ended to remember another");
        }
    }

    /// Releases the nodes of a service that is no longer in use.
    pub(super) fn clear(&mut self, sources: &mut Sources) {
        for (_, heard) in std::mem::take(&mut self.heard) {
            sources.give_back(heard.from, heard.bytes);
        }
        self.bytes = 0;
    }

    /// Removes expired nodes. Returns whether to send a query now.
    pub(super) fn look(&mut self, sources: &mut Sources, now: Instant) -> bool {
        let mut doubted = false;
        if self.due.is_some_and(|due| due <= now) {
            let over = self.heard.iter().filter(|(_, heard)| heard.until <= now);
            let over: Vec<String> = over.map(|(id, _)| id.clone()).collect();
            for id in over {
                let signed = self.remove(&id, sources);
                self.end(&id, signed, now);
            }
            for heard in self.heard.values_mut().filter(|heard| heard.doubt <= now) {
                // Query about twice more before the record expires.
                heard.doubt = now + (heard.until - now) / 2 + Duration::from_millis(50);
                doubted = true;
            }
            let due = |heard: &KnownNode| heard.until.min(heard.doubt);
            self.due = self.heard.values().map(due).min();
        }
        self.asks.take(now) || doubted
    }

    /// Sends the nodes to watches and lookups. `own` are the nodes of this service in this process.
    pub(super) fn publish(&mut self, own: Vec<Node>, now: Instant) {
        (self.changed, self.published) = (false, Some(now));
        let heard = self.heard.values().map(|heard| heard.node.clone());
        let nodes: Vec<Node> = own.into_iter().chain(heard).collect();
        if nodes.is_empty() {
            self.settled = None;
        } else {
            self.settled.get_or_insert(now + ANSWER_WAIT);
        }
        self.known_seen |= now >= self.known;
        if !nodes.is_empty() || self.known_seen {
            self.sender.send(nodes.clone());
        }
        let settled = self.settled.is_some_and(|settled| settled <= now);
        for (reply, until) in std::mem::take(&mut self.waiting) {
            if settled || until <= now {
                // A failed send means that the lookup was dropped, so the result is ignored.
                drop(reply.send(nodes.clone()));
            } else if !reply.is_closed() {
                self.waiting.push((reply, until));
            }
        }
    }

    /// When to send a list to the watches, if anything changed.
    pub(super) fn publish_at(&self) -> Option<Instant> {
        let nodes = u32::try_from(self.heard.len()).unwrap_or(u32::MAX);
        let interval = PUBLISH_INTERVAL + PUBLISH_INTERVAL_PER_NODE * nodes;
        let rested = |published| published + interval;
        let at = self.published.map_or_else(|| self.asks.start, rested);
        self.changed.then_some(at)
    }

    pub(super) fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.heard.values().map(|heard| &heard.node)
    }

    /// The next instant at which something is due.
    pub(super) fn next(&self) -> Instant {
        let waiting = self.waiting.iter().map(|(_, until)| *until);
        let settled = self.settled.filter(|_| !self.waiting.is_empty());
        let known = Some(self.known).filter(|_| !self.known_seen);
        waiting
            .chain(self.due)
            .chain(self.publish_at())
            .chain(settled)
            .chain(known)
            .fold(self.asks.next(), Instant::min)
    }
}

impl KnownNode {
    fn renew(&mut self, signed: Option<u64>, ttl: Duration, now: Instant) {
        self.signed = signed;
        (self.until, self.doubt) = (now + ttl, now + ttl * 4 / 5);
    }
}

/// Approximate memory size of a node, in bytes.
pub(super) fn size(node: &Node) -> usize {
    const STRING: usize = size_of::<String>() + 16;
    let texts = [&node.service, &node.id, &node.version, &node.address].into_iter();
    let metadata = node.metadata.iter().flat_map(|(key, value)| [key, value]);
    let all = texts.chain(metadata).chain(&node.methods);
    size_of::<KnownNode>() + all.map(|text| text.len() + STRING).sum::<usize>()
}

fn differs_by_ip_only(a: &Node, b: &Node) -> bool {
    let port = |node: &Node| {
        node.address
            .rsplit_once(':')
            .map(|(_, port)| port.to_owned())
    };
    a.address != b.address
        && port(a) == port(b)
        && (&a.version, &a.metadata, &a.methods) == (&b.version, &b.metadata, &b.methods)
}

fn rank_of(node: &Node) -> u8 {
    node.address
        .parse::<SocketAddr>()
        .map_or(u8::MAX, |address| rank(address.ip()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TTL: Duration = Duration::from_secs(10);

    fn node(address: &str) -> Node {
        Node::new("greeter", "a", address)
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    /// A query together with a helper that passes announcements from `from` to it.
    struct Announcement {
        topic: ServiceQuery,
        sources: Sources,
        now: Instant,
    }

    impl Announcement {
        fn new(now: Instant) -> Self {
            Self {
                topic: ServiceQuery::new(now),
                sources: Sources::new(now),
                now,
            }
        }

        fn hear(&mut self, node: Node, from: &str, signed: Option<u64>) -> Outcome {
            let announced = Announced {
                node,
                ttl: TTL,
                from: ip(from),
                signed,
                fingerprint: 0,
            };
            self.topic.hear(announced, &mut self.sources, self.now)
        }

        fn forget(&mut self, from: &str, signed: Option<u64>) -> Outcome {
            let from = (ip(from), signed);
            self.topic.forget("a", from, &mut self.sources, self.now)
        }

        fn look(&mut self, after: Duration) -> bool {
            self.topic.look(&mut self.sources, self.now + after)
        }

        fn listed(&self) -> Vec<String> {
            listed(&self.topic)
        }
    }

    fn listed(topic: &ServiceQuery) -> Vec<String> {
        topic.nodes().map(|node| node.address.clone()).collect()
    }

    #[test]
    fn questions_back_off_and_go_on() {
        let start = Instant::now();
        let mut asks = QuerySchedule::new(start);
        let mut sent = Vec::new();
        for _ in 0..6 {
            let next = asks.next();
            assert!(asks.take(next));
            assert!(!asks.take(next));
            sent.push((next - start).as_millis());
        }
        assert_eq!(sent, [0, 20, 100, 400, 60_000, 120_000]);
    }

    #[test]
    fn node_is_over_after_its_ttl_and_doubted_before() {
        let mut told = Announcement::new(Instant::now());
        while told.look(SILENCE_TIMEOUT) {}
        assert_eq!(
            told.hear(node("10.0.0.1:1"), "10.0.0.1", None),
            Outcome::New
        );
        assert!(!told.look(TTL / 2));
        assert!(told.look(TTL * 9 / 10));
        assert_eq!(told.listed(), ["10.0.0.1:1"]);
        told.look(TTL);
        assert!(told.listed().is_empty());
    }

    #[test]
    fn renewed_node_lives_on_without_being_read() {
        let mut told = Announcement::new(Instant::now());
        told.hear(node("10.0.0.1:1"), "10.0.0.1", None);
        let later = told.now + TTL / 2;
        let renew = |told: &mut Announcement, from: &str, fingerprint: u64| {
            let record = (ip(from), None, fingerprint);
            told.topic.renew("a", record, TTL, later)
        };
        assert!(!renew(&mut told, "10.0.0.1", 1), "another text");
        assert!(!renew(&mut told, "10.0.0.2", 0), "another sender");
        assert!(renew(&mut told, "10.0.0.1", 0));
        told.look(TTL);
        assert_eq!(told.listed(), ["10.0.0.1:1"]);
    }

    #[test]
    fn node_told_on_two_networks_does_not_flap() {
        let mut told = Announcement::new(Instant::now());
        told.hear(node("10.0.0.1:1"), "10.0.0.1", None);
        told.hear(node("10.0.1.1:1"), "10.0.1.1", None);
        told.hear(node("[fd00::1]:1"), "fe80::1", None);
        assert_eq!(told.listed(), ["10.0.0.1:1"]);
        told.hear(node("127.0.0.1:1"), "127.0.0.1", None);
        assert_eq!(told.listed(), ["127.0.0.1:1"]);
        told.hear(node("127.0.0.1:2"), "127.0.0.1", None);
        assert_eq!(
            told.listed(),
            ["127.0.0.1:2"],
            "another port is another listener"
        );
    }

    #[test]
    fn only_the_sender_that_told_of_a_node_changes_or_ends_it() {
        let mut told = Announcement::new(Instant::now());
        told.hear(node("10.0.0.1:1"), "10.0.0.1", None);
        for stolen in ["10.0.0.3:7777", "127.0.0.1:7777"] {
            let outcome = told.hear(node(stolen), "10.0.0.3", None);
            assert_eq!(outcome, Outcome::PassedOver(ANOTHER_SENDER), "{stolen}");
        }
        let outcome = told.forget("10.0.0.3", None);
        assert_eq!(outcome, Outcome::PassedOver(ANOTHER_SENDER));
        assert_eq!(told.listed(), ["10.0.0.1:1"]);
        assert_eq!(told.forget("10.0.0.1", None), Outcome::Taken);
        assert!(told.listed().is_empty());
        let outcome = told.hear(node("10.0.0.3:7777"), "10.0.0.3", None);
        assert_eq!(outcome, Outcome::New, "it is free now");
    }

    #[test]
    fn signed_record_counts_from_anywhere_and_an_older_one_does_not() {
        let mut told = Announcement::new(Instant::now());
        told.hear(node("10.0.0.1:1"), "10.0.0.1", Some(100));
        let outcome = told.hear(node("10.0.0.2:2"), "10.0.0.2", Some(200));
        assert_eq!(outcome, Outcome::Taken);
        let repeated = told.hear(node("10.0.0.1:1"), "10.0.0.1", Some(100));
        assert_eq!(repeated, Outcome::PassedOver(OLDER));
        assert_eq!(
            told.forget("10.0.0.3", Some(199)),
            Outcome::PassedOver(OLDER)
        );
        assert_eq!(told.listed(), ["10.0.0.2:2"]);
        told.forget("10.0.0.3", Some(300));
        let repeated = told.hear(node("10.0.0.2:2"), "10.0.0.2", Some(200));
        assert_eq!(repeated, Outcome::PassedOver(OLDER), "it said goodbye");
        assert!(told.listed().is_empty());
        let outcome = told.hear(node("10.0.0.2:2"), "10.0.0.2", Some(301));
        assert_eq!(outcome, Outcome::New);
        told.look(TTL);
        assert!(told.listed().is_empty());
        let repeated = told.hear(node("10.0.0.1:1"), "10.0.0.1", Some(300));
        assert_eq!(repeated, Outcome::PassedOver(OLDER), "it went silent");
    }

    #[test]
    fn flood_of_nodes_is_bounded_in_number_and_in_bytes() {
        let mut told = Announcement::new(Instant::now());
        for n in 0..MAX_NODES + 10 {
            let from = format!("10.0.0.{}", n % 8);
            told.hear(
                Node::new("greeter", format!("{n}"), "10.0.0.1:1"),
                &from,
                None,
            );
        }
        assert_eq!(told.topic.nodes().count(), MAX_NODES);

        let mut told = Announcement::new(Instant::now());
        for n in 0..1000 {
            let node = Node::new("greeter", format!("{n}"), "10.0.0.1:1");
            let node = node.with_metadata("k", "v".repeat(50_000));
            told.hear(node, &format!("10.0.0.{}", n % 8), None);
        }
        assert!(told.topic.bytes <= MAX_BYTES && told.topic.bytes > MAX_BYTES / 2);
        let kept: usize = told.topic.nodes().map(size).sum();
        assert_eq!(kept, told.topic.bytes);
        let huge = Node::new("greeter", "huge", "10.0.0.9:1");
        let huge = huge.with_methods(std::iter::repeat_n("/greeter.A/B", 6000));
        let outcome = told.hear(huge, "10.0.0.9", None);
        assert_eq!(outcome, Outcome::PassedOver(TOO_LARGE));
        let again = told.topic.nodes().next().unwrap().clone();
        let smaller = Node::new("greeter", &again.id, "10.0.0.1:2");
        let from = told.topic.heard[&again.id].from.to_string();
        assert_eq!(told.hear(smaller, &from, None), Outcome::Taken);
        told.topic.clear(&mut told.sources);
        assert_eq!(told.topic.bytes, 0);
    }

    #[test]
    fn flood_of_changes_is_told_now_and_then() {
        let mut told = Announcement::new(Instant::now());
        let start = told.now;
        let mut lists = 0;
        for n in 0..1000 {
            told.now = start + Duration::from_micros(100) * n;
            told.hear(node(&format!("10.0.0.1:{}", n + 1)), "10.0.0.1", None);
            if told.topic.publish_at().is_some_and(|at| at <= told.now) {
                told.topic.publish(Vec::new(), told.now);
                lists += 1;
            }
        }
        assert!((2..=6).contains(&lists), "{lists} lists in 100 ms");
        assert!(told.topic.publish_at().is_some(), "the last change is told");
    }
}
