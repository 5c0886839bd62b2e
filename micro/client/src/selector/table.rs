//! `Table`: the nodes of one service, with their load and health.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::selector::filter::Filter;
use crate::selector::health::Health;
use crate::selector::load::Load;
use crate::selector::random::Random;
use crate::selector::strategy::Strategy;
use micro_registry::Node;
use micro_registry::internal::{is_unverified, to_call};
use micro_wake::sync::{Mutex, RwLock};

/// Maximum number of methods whose nodes are kept. All are dropped when there are more, so that
/// callers with made-up paths cannot exhaust the memory.
const MAX_METHODS: usize = 4_096;

/// The nodes of one service, with their load and health. `T` is the value that the caller keeps for
/// each node.
pub struct Table<T> {
    /// Written on registry changes, read by every pick.
    members: RwLock<Members<T>>,
    /// Number of turns that `RoundRobin` has given.
    pub(super) turns: Mutex<u64>,
    pub(super) random: Random,
}

/// The nodes of a table, and those of them that serve a method.
struct Members<T> {
    all: Vec<Arc<Member<T>>>,
    /// The nodes that a call of a method may go to, by the method's path. Computed by the first
    /// call after an update, so that the calls after it compare no records.
    by_method: HashMap<String, Vec<Arc<Member<T>>>>,
}

/// A node in a table.
#[derive(Debug)]
pub struct Member<T> {
    node: Node,
    value: T,
    stats: Arc<Stats>,
}

/// Statistics that survive a change of the node's record.
#[derive(Debug, Default)]
struct Stats {
    load: Load,
    health: Arc<Health>,
    /// Number of the node's last turn; 0 before the first. Written while the table's `turns` is
    /// locked.
    turn: AtomicU64,
}

/// The rules by which a node is picked for one call.
#[derive(Debug)]
pub struct Choice<'a, T> {
    /// Strategy for picking a node.
    pub strategy: Strategy,
    /// Wire path of the method. Only nodes whose record lists it, or lists no methods, are picked,
    /// and only those that speak gRPC. `None` allows every node.
    pub method: Option<&'a str>,
    /// Filter that the node has to pass.
    pub filter: &'a Filter,
    /// Nodes that this call has already tried; others are preferred.
    pub tried: &'a [Arc<Member<T>>],
}

/// The result of an update.
#[derive(Debug)]
pub struct Update<T> {
    /// Values of the nodes that were removed.
    pub removed: Vec<T>,
    /// Values of the ejected nodes that were readmitted because their record changed.
    pub readmitted: Vec<T>,
}

impl<T: Clone> Table<T> {
    /// Creates an empty table.
    pub fn new() -> Self {
        Self::with_random(Random::new())
    }

    /// Creates an empty table whose random choices follow from a seed.
    pub fn seeded(seed: u64) -> Self {
        Self::with_random(Random::seeded(seed))
    }

    fn with_random(random: Random) -> Self {
        Self {
            members: RwLock::new(Members {
                all: Vec::new(),
                by_method: HashMap::new(),
            }),
            turns: Mutex::default(),
            random,
        }
    }

    /// Replaces the nodes. Nodes with the same id and address keep their value, load and health;
    /// `make` creates the values of the others.
    pub fn update(
        &self,
        nodes: &[Node],
        mut make: impl FnMut(&Node, &Arc<Health>) -> T,
    ) -> Update<T> {
        let mut members = self.members.write();
        members.by_method.clear();
        let members = &mut members.all;
        let mut old = std::mem::take(members);
        let mut readmitted = Vec::new();
        for node in nodes {
            let same = |member: &Arc<Member<T>>| {
                member.node.id == node.id && member.node.address == node.address
            };
            let Some(at) = old.iter().position(same) else {
                members.push(Arc::new(self.join(node, &mut make)));
                continue;
            };
            let member = old.swap_remove(at);
            // Two records are equal even if only one of them is verified.
            if member.node == *node && is_unverified(&member.node) == is_unverified(node) {
                members.push(member);
                continue;
            }
            if member.health().is_ejected() {
                member.health().readmit();
                readmitted.push(member.value.clone());
            }
            members.push(Arc::new(Member {
                node: node.clone(),
                value: member.value.clone(),
                stats: Arc::clone(&member.stats),
            }));
        }
        let removed = old.iter().map(|member| member.value.clone()).collect();
        Update {
            removed,
            readmitted,
        }
    }

    fn join(&self, node: &Node, make: &mut impl FnMut(&Node, &Arc<Health>) -> T) -> Member<T> {
        let stats = Arc::<Stats>::default();
        // A new node starts at the current turn, so that it does not get all the turns of the past.
        let turns = *self.turns.lock();
        stats.turn.store(turns, Ordering::Relaxed);
        Member {
            node: node.clone(),
            value: make(node, &stats.health),
            stats,
        }
    }

    /// Picks a node; `None` if no node passes the filter. `now` is any monotonic time.
    ///
    /// If every node is ejected, one of them is picked anyway.
    pub fn pick(&self, choice: &Choice<'_, T>, now: Duration) -> Option<Flight<T>> {
        let member = self.with_candidates(choice, |members| {
            let member = self.pick_from(members, choice, now)?;
            member.stats.load.begin();
            Some(Arc::clone(member))
        })?;
        Some(Flight {
            member,
            started: now,
        })
    }

    /// Passes on the members that the method of a choice allows.
    fn with_candidates<R>(
        &self,
        choice: &Choice<'_, T>,
        with: impl FnOnce(&[Arc<Member<T>>]) -> R,
    ) -> R {
        let members = self.members.read();
        let Some(path) = choice.method else {
            return with(&members.all);
        };
        if let Some(candidates) = members.by_method.get(path) {
            return with(candidates);
        }
        drop(members);
        let mut members = self.members.write();
        if members.by_method.len() >= MAX_METHODS {
            members.by_method.clear();
        }
        let Members { all, by_method } = &mut *members;
        let compute = || to_call(all, |member| &member.node, path);
        with(by_method.entry(path.to_owned()).or_insert_with(compute))
    }

    /// Returns all members, in the order of the last update.
    pub fn members(&self) -> Vec<Arc<Member<T>>> {
        let members = self.members.read();
        members.all.clone()
    }

    /// Whether there is another healthy node that passes the filter and has not been tried.
    pub fn has_other(&self, choice: &Choice<'_, T>, than: &Member<T>) -> bool {
        self.with_candidates(choice, |members| {
            let others = members
                .iter()
                .filter(|member| member.node.id != than.node.id && !member.health().is_ejected());
            let mut untried = others.filter(|member| {
                let same = |tried: &Arc<Member<T>>| tried.node.id == member.node.id;
                !choice.tried.iter().any(same)
            });
            untried.any(|member| choice.filter.fits(&member.node))
        })
    }

    /// Number of nodes.
    pub fn len(&self) -> usize {
        let members = self.members.read();
        members.all.len()
    }

    /// Whether the table is empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<T: Clone> Default for Table<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> fmt::Debug for Table<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let members = self.members.read();
        let ids = members.all.iter().map(|member| &member.node.id);
        f.debug_set().entries(ids).finish()
    }
}

impl<T> Member<T> {
    /// The node's record.
    pub fn node(&self) -> &Node {
        &self.node
    }

    /// The value that the caller keeps for the node.
    pub fn value(&self) -> &T {
        &self.value
    }

    /// Calls in flight and latency.
    pub fn load(&self) -> &Load {
        &self.stats.load
    }

    /// Whether the node is ejected.
    pub fn health(&self) -> &Health {
        &self.stats.health
    }

    pub(super) fn last_turn(&self) -> u64 {
        self.stats.turn.load(Ordering::Relaxed)
    }

    pub(super) fn set_last_turn(&self, turn: u64) {
        self.stats.turn.store(turn, Ordering::Relaxed);
    }
}

/// A call to the node that was picked for it. It counts as in flight until this is dropped.
#[derive(Debug)]
pub struct Flight<T> {
    member: Arc<Member<T>>,
    started: Duration,
}

impl<T> Flight<T> {
    /// The node.
    pub fn member(&self) -> &Arc<Member<T>> {
        &self.member
    }

    /// Records that the node responded.
    pub fn answered(self, now: Duration) {
        let took = now.saturating_sub(self.started);
        self.member.stats.load.answered(now, took);
    }

    /// Records that the node failed: it did not respond, or reported that it cannot serve the call.
    pub fn failed(self, now: Duration) {
        let took = now.saturating_sub(self.started);
        self.member.stats.load.failed(now, took);
    }
}

impl<T> Drop for Flight<T> {
    fn drop(&mut self) {
        self.member.stats.load.end();
    }
}
