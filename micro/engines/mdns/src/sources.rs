//! Limits of each sender: nodes, bytes and work.
//!
//! A sender is the source address of datagrams. Without a secret it can be forged, so there are
//! also limits for all senders together.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use tokio::time::Instant;

/// Maximum number of nodes kept from one sender, and from all.
pub(super) const MAX_NODES: usize = 1024;
pub(super) const MAX_ALL_NODES: usize = 8192;
/// Maximum size of the nodes kept from one sender, and from all, in bytes.
pub(super) const MAX_BYTES: usize = 2 * 1024 * 1024;
pub(super) const MAX_ALL_BYTES: usize = 16 * 1024 * 1024;
/// Maximum size of inflated text that is read from one sender within a second, and from all, in
/// bytes.
pub(super) const MAX_TEXT: usize = 1024 * 1024;
pub(super) const MAX_ALL_TEXT: usize = 4 * 1024 * 1024;
/// Maximum number of services that one sender may list.
pub(super) const MAX_LISTED: usize = 256;
/// Maximum number of senders that are tracked. Records of further senders are ignored while the
/// tracked ones are active.
const MAX_SENDERS: usize = 4096;
/// Maximum number of log lines per second about new nodes.
const MAX_LINES: u32 = 20;
const SECOND: Duration = Duration::from_secs(1);
/// Minimum time between two log lines about ignored records, for each reason.
const LOG_INTERVAL: Duration = Duration::from_secs(10);

/// The current usage of all senders.
pub(super) struct Sources {
    by_address: HashMap<IpAddr, Usage>,
    all: Usage,
    passed_over: HashMap<&'static str, PassedOver>,
}

struct Usage {
    nodes: usize,
    bytes: usize,
    listed: usize,
    /// Text read within the second that began at `since`.
    text: usize,
    since: Instant,
}

/// Number of records ignored since the last log line about them.
struct PassedOver {
    count: u64,
    logged: Option<Instant>,
}

/// Limits the number of log lines per second.
#[derive(Default)]
pub(super) struct LogLimit {
    since: Option<Instant>,
    lines: u32,
}

impl LogLimit {
    pub(super) fn allows(&mut self, now: Instant) -> bool {
        if self.since.is_none_or(|since| now - since >= SECOND) {
            *self = Self {
                since: Some(now),
                lines: 0,
            };
        }
        self.lines += 1;
        self.lines <= MAX_LINES
    }
}

impl Sources {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            by_address: HashMap::new(),
            all: Usage::new(now),
            passed_over: HashMap::new(),
        }
    }

    /// Returns how much more text may be read from a sender. `None` if nothing is left.
    pub(super) fn text_left(&mut self, from: IpAddr, now: Instant) -> Option<usize> {
        let all = MAX_ALL_TEXT.saturating_sub(self.all.text_of(now));
        let own = MAX_TEXT.saturating_sub(self.usage(from, now)?.text_of(now));
        Some(own.min(all)).filter(|left| *left > 0)
    }

    /// Counts text that was read from a sender.
    pub(super) fn read(&mut self, from: IpAddr, text: usize, now: Instant) {
        self.all.text += text;
        if let Some(usage) = self.usage(from, now) {
            usage.text += text;
        }
    }

    /// Reserves room for a node of a sender. If it replaces another node, that node's room is
    /// released.
    pub(super) fn take(
        &mut self,
        (from, bytes): (IpAddr, usize),
        instead: Option<(IpAddr, usize)>,
        now: Instant,
    ) -> bool {
        if let Some((from, bytes)) = instead {
            self.give_back(from, bytes);
        }
        let all_fit = self.all.fits(bytes, MAX_ALL_NODES, MAX_ALL_BYTES);
        let usage = self.usage(from, now);
        let taken = all_fit && usage.is_some_and(|usage| usage.fits(bytes, MAX_NODES, MAX_BYTES));
        let given = if taken {
            Some((from, bytes))
        } else {
            // The replaced node is kept.
            instead
        };
        if let Some((from, bytes)) = given {
            self.all.add(bytes);
            if let Some(usage) = self.by_address.get_mut(&from) {
                usage.add(bytes);
            }
        }
        taken
    }

    /// Releases the room of a removed node.
    pub(super) fn give_back(&mut self, from: IpAddr, bytes: usize) {
        self.all.remove(bytes);
        if let Some(usage) = self.by_address.get_mut(&from) {
            usage.remove(bytes);
        }
    }

    /// Whether a sender may list another service.
    pub(super) fn list(&mut self, from: IpAddr, now: Instant) -> bool {
        let Some(usage) = self.usage(from, now) else {
            return false;
        };
        usage.listed += 1;
        usage.listed <= MAX_LISTED
    }

    /// Resets the counts of listed services, because no list is in flight.
    pub(super) fn listed(&mut self) {
        self.by_address
            .values_mut()
            .for_each(|usage| usage.listed = 0);
    }

    /// Counts an ignored record, and logs the count from time to time.
    pub(super) fn pass_over(&mut self, from: IpAddr, why: &'static str, now: Instant) {
        let passed_over = self.passed_over.entry(why).or_insert(PassedOver {
            count: 0,
            logged: None,
        });
        passed_over.count += 1;
        let rests = |logged: Instant| now.saturating_duration_since(logged) < LOG_INTERVAL;
        if passed_over.logged.is_some_and(rests) {
            return;
        }
        let count = std::mem::take(&mut passed_over.count);
        passed_over.logged = Some(now);
        tracing::warn!(%from, why, count, "multicast DNS records ignored");
    }

    fn usage(&mut self, from: IpAddr, now: Instant) -> Option<&mut Usage> {
        if self.by_address.len() >= MAX_SENDERS && !self.by_address.contains_key(&from) {
            self.by_address
                .retain(|_, usage| usage.nodes > 0 || now - usage.since < SECOND);
            if self.by_address.len() >= MAX_SENDERS {
                return None;
            }
        }
        let new = || Usage::new(now);
        Some(self.by_address.entry(from).or_insert_with(new))
    }
}

impl Usage {
    fn new(now: Instant) -> Self {
        Self {
            nodes: 0,
            bytes: 0,
            listed: 0,
            text: 0,
            since: now,
        }
    }

    fn text_of(&mut self, now: Instant) -> usize {
        if now - self.since >= SECOND {
            (self.text, self.since) = (0, now);
        }
        self.text
    }

    fn fits(&self, bytes: usize, max_nodes: usize, max_bytes: usize) -> bool {
        self.nodes < max_nodes && self.bytes + bytes <= max_bytes
    }

    fn add(&mut self, bytes: usize) {
        self.nodes += 1;
        self.bytes += bytes;
    }

    fn remove(&mut self, bytes: usize) {
        self.nodes = self.nodes.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(last: u32) -> IpAddr {
        std::net::Ipv4Addr::from(0x0A00_0000 + last).into()
    }

    #[test]
    fn one_sender_is_bounded_and_leaves_room_for_others() {
        let now = Instant::now();
        let mut sources = Sources::new(now);
        for _ in 0..MAX_NODES {
            assert!(sources.take((ip(1), 100), None, now));
        }
        assert!(!sources.take((ip(1), 100), None, now), "nodes");
        assert!(sources.take((ip(1), 200), Some((ip(1), 100)), now));
        assert!(sources.take((ip(2), MAX_BYTES), None, now));
        assert!(!sources.take((ip(2), 1), None, now), "bytes");
        sources.give_back(ip(2), MAX_BYTES);
        assert!(sources.take((ip(2), 1), None, now));
    }

    #[test]
    fn all_senders_together_are_bounded() {
        let now = Instant::now();
        let mut sources = Sources::new(now);
        let mut taken = 0;
        for sender in 0..100 {
            taken += usize::from(sources.take((ip(sender), MAX_BYTES), None, now));
        }
        assert_eq!(taken, MAX_ALL_BYTES / MAX_BYTES);
        assert!(
            !sources.take((ip(0), MAX_BYTES + 1), Some((ip(0), MAX_BYTES)), now),
            "and what was there stays"
        );
        assert_eq!(sources.by_address[&ip(0)].bytes, MAX_BYTES);
    }

    #[test]
    fn text_is_bounded_a_second() {
        let now = Instant::now();
        let mut sources = Sources::new(now);
        assert_eq!(sources.text_left(ip(1), now), Some(MAX_TEXT));
        sources.read(ip(1), MAX_TEXT, now);
        assert_eq!(sources.text_left(ip(1), now), None);
        assert_eq!(sources.text_left(ip(2), now), Some(MAX_TEXT));
        assert_eq!(sources.text_left(ip(1), now + SECOND), Some(MAX_TEXT));
    }

    #[test]
    fn forged_senders_are_bounded() {
        let now = Instant::now();
        let mut sources = Sources::new(now);
        for sender in 0..6_000 {
            sources.read(ip(sender), 1, now);
        }
        assert_eq!(sources.by_address.len(), MAX_SENDERS);
        assert!(
            sources.list(ip(200_000), now + SECOND),
            "the idle make room"
        );
    }

    #[test]
    fn log_tells_each_reason_now_and_then() {
        let now = Instant::now();
        let mut sources = Sources::new(now);
        for _ in 0..10 {
            sources.pass_over(ip(1), "a", now);
        }
        assert_eq!(sources.passed_over["a"].count, 9, "one was logged");
        sources.pass_over(ip(1), "a", now + LOG_INTERVAL);
        assert_eq!(sources.passed_over["a"].count, 0);
    }
}
