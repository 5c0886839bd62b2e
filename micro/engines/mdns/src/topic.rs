//! What is known of one service that somebody here asks for.
//!
//! Services that nobody asks for are not kept, so a noisy network costs little. Does no I/O: it
//! says when to ask and when what it heard is over.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::address::rank;
use micro_registry::Node;
use micro_registry::WatchSender;

/// When the question is sent, after it was first wanted; a datagram may be lost.
const ASKS: [Duration; 4] = [
    Duration::ZERO,
    Duration::from_millis(20),
    Duration::from_millis(100),
    Duration::from_millis(400),
];
/// How long silence must last to mean that there is nobody.
pub(super) const WINDOW: Duration = Duration::from_secs(1);
/// How long others get to answer after the first one did.
const SETTLE: Duration = Duration::from_millis(30);
/// How often the question is repeated for as long as it is wanted.
const REPEAT: Duration = Duration::from_secs(60);
/// How long a service stays wanted after it was looked up.
const LINGER: Duration = Duration::from_secs(60);
/// The most nodes of one service.
const MAX_NODES: usize = 2048;

/// When to ask.
pub(super) struct Asks {
    start: Instant,
    step: usize,
}

impl Asks {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            start: now,
            step: 0,
        }
    }

    pub(super) fn next(&self) -> Instant {
        self.start + ASKS.get(self.step).copied().unwrap_or(REPEAT)
    }

    /// Whether to ask now.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        if now < self.next() {
            return false;
        }
        if self.step == ASKS.len() {
            *self = Self {
                start: now,
                step: ASKS.len(),
            };
        } else {
            self.step += 1;
        }
        true
    }
}

/// One service that is wanted.
pub(super) struct Topic {
    /// Feeds the watches; the topic is wanted while there is one.
    pub(super) sender: WatchSender,
    wanted_until: Instant,
    asks: Asks,
    /// From when on silence means that there is nobody, and whether that was acted on.
    known: Instant,
    known_seen: bool,
    /// When a first answer may be taken for all of them.
    settled: Option<Instant>,
    /// By id.
    heard: BTreeMap<String, Heard>,
    /// Lookups under way, and when each takes what there is.
    waiting: Vec<(oneshot::Sender<Vec<Node>>, Instant)>,
}

struct Heard {
    node: Node,
    until: Instant,
    /// When to ask whether it is still there, unless it says so first.
    doubt: Instant,
}

impl Topic {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            sender: WatchSender::new(),
            wanted_until: now + LINGER,
            asks: Asks::new(now),
            known: now + WINDOW,
            known_seen: false,
            settled: None,
            heard: BTreeMap::new(),
            waiting: Vec::new(),
        }
    }

    pub(super) fn want(&mut self, now: Instant) {
        self.wanted_until = now + LINGER;
    }

    pub(super) fn is_wanted(&self, now: Instant) -> bool {
        now < self.wanted_until || self.is_held()
    }

    /// Whether somebody waits for it right now.
    pub(super) fn is_held(&self) -> bool {
        !self.sender.is_closed() || !self.waiting.is_empty()
    }

    /// Asks again from the start: the network may have changed, or nobody answered so far.
    pub(super) fn ask_again(&mut self, now: Instant) {
        self.asks = Asks::new(now);
    }

    /// Takes a lookup; it is answered by [`publish`](Self::publish).
    pub(super) fn wait(&mut self, reply: oneshot::Sender<Vec<Node>>, now: Instant) {
        self.want(now);
        self.waiting.retain(|(reply, _)| !reply.is_closed());
        if self.heard.is_empty() && now >= self.known {
            self.ask_again(now);
            self.settled = None;
        }
        self.waiting.push((reply, now + WINDOW));
    }

    /// A node told of itself, for `ttl` from now.
    pub(super) fn hear(&mut self, node: Node, ttl: Duration, now: Instant) {
        let full = self.heard.len() >= MAX_NODES;
        match self.heard.get(&node.id) {
            None if full => {
                tracing::debug!(
                    service = node.service,
                    "too many nodes, another is passed over"
                );
                return;
            }
            // Told on several networks a node has several addresses: stay with the better one, and
            // with what was there first of two equals, for as long as that one is told.
            Some(heard)
                if differs_by_ip_only(&heard.node, &node)
                    && rank_of(&node) >= rank_of(&heard.node) =>
            {
                return;
            }
            _ => {}
        }
        let doubt = now + ttl * 4 / 5;
        // One copy of the record, however often it is told.
        if let Some(heard) = self.heard.get_mut(&node.id)
            && heard.node == node
        {
            (heard.until, heard.doubt) = (now + ttl, doubt);
            return;
        }
        self.heard.insert(
            node.id.clone(),
            Heard {
                node,
                until: now + ttl,
                doubt,
            },
        );
    }

    /// A node said goodbye.
    pub(super) fn forget(&mut self, id: &str) {
        self.heard.remove(id);
    }

    /// Strikes out what is over and says whether to ask now.
    pub(super) fn look(&mut self, now: Instant) -> bool {
        self.heard.retain(|_, heard| heard.until > now);
        let mut doubted = false;
        for heard in self.heard.values_mut().filter(|heard| heard.doubt <= now) {
            // Twice more before its end.
            heard.doubt = now + (heard.until - now) / 2 + Duration::from_millis(50);
            doubted = true;
        }
        self.asks.take(now) || doubted
    }

    /// Tells watches and lookups. `own` are the nodes of this service that we tell of ourselves.
    pub(super) fn publish(&mut self, own: Vec<Node>, now: Instant) {
        let heard = self.heard.values().map(|heard| heard.node.clone());
        let nodes: Vec<Node> = own.into_iter().chain(heard).collect();
        if nodes.is_empty() {
            self.settled = None;
        } else {
            self.settled.get_or_insert(now + SETTLE);
        }
        self.known_seen |= now >= self.known;
        if !nodes.is_empty() || self.known_seen {
            self.sender.send(nodes.clone());
        }
        let settled = self.settled.is_some_and(|settled| settled <= now);
        for (reply, until) in std::mem::take(&mut self.waiting) {
            if settled || until <= now {
                // A lookup that was given up needs no answer.
                drop(reply.send(nodes.clone()));
            } else if !reply.is_closed() {
                self.waiting.push((reply, until));
            }
        }
    }

    pub(super) fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.heard.values().map(|heard| &heard.node)
    }

    /// When to look again.
    pub(super) fn next(&self) -> Instant {
        let heard = self
            .heard
            .values()
            .map(|heard| heard.until.min(heard.doubt));
        let waiting = self.waiting.iter().map(|(_, until)| *until);
        let settled = self.settled.filter(|_| !self.waiting.is_empty());
        let known = Some(self.known).filter(|_| !self.known_seen);
        heard
            .chain(waiting)
            .chain(settled)
            .chain(known)
            .fold(self.asks.next(), Instant::min)
    }
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

    fn listed(topic: &Topic) -> Vec<String> {
        topic.nodes().map(|node| node.address.clone()).collect()
    }

    #[test]
    fn questions_back_off_and_go_on() {
        let start = Instant::now();
        let mut asks = Asks::new(start);
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
        let now = Instant::now();
        let mut topic = Topic::new(now);
        while topic.look(now + WINDOW) {}
        topic.hear(node("10.0.0.1:1"), TTL, now);
        assert!(!topic.look(now + TTL / 2));
        assert!(topic.look(now + TTL * 9 / 10));
        assert_eq!(listed(&topic), ["10.0.0.1:1"]);
        topic.look(now + TTL);
        assert!(listed(&topic).is_empty());
    }

    #[test]
    fn node_told_on_two_networks_does_not_flap() {
        let now = Instant::now();
        let mut topic = Topic::new(now);
        topic.hear(node("10.0.0.1:1"), TTL, now);
        topic.hear(node("10.0.1.1:1"), TTL, now);
        topic.hear(node("[fd00::1]:1"), TTL, now);
        assert_eq!(listed(&topic), ["10.0.0.1:1"]);
        topic.hear(node("127.0.0.1:1"), TTL, now);
        assert_eq!(listed(&topic), ["127.0.0.1:1"]);
        topic.hear(node("10.0.0.1:2"), TTL, now);
        assert_eq!(
            listed(&topic),
            ["10.0.0.1:2"],
            "another port is another listener"
        );
    }

    #[test]
    fn flood_of_nodes_is_bounded() {
        let now = Instant::now();
        let mut topic = Topic::new(now);
        for n in 0..MAX_NODES + 10 {
            topic.hear(Node::new("greeter", format!("{n}"), "10.0.0.1:1"), TTL, now);
        }
        assert_eq!(topic.nodes().count(), MAX_NODES);
    }
}
