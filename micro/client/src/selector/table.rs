//! `Table`: the nodes of one service as calls see them, with load and health.

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
use micro_wake::sync::{Mutex, RwLock};

/// The nodes of one service as calls see them. `T` is what a caller keeps per node.
pub struct Table<T> {
    /// Written on registry changes, read by every pick.
    members: RwLock<Vec<Arc<Member<T>>>>,
    /// How many turns `RoundRobin` has given.
    pub(super) turns: Mutex<u64>,
    pub(super) random: Random,
}

/// A node in a table.
#[derive(Debug)]
pub struct Member<T> {
    node: Node,
    value: T,
    stats: Arc<Stats>,
}

/// What outlives a change of the node's record.
#[derive(Debug, Default)]
struct Stats {
    load: Load,
    health: Arc<Health>,
    /// The number of its last turn; 0 before the first. Written under the table's `turns`.
    turn: AtomicU64,
}

/// What one call asks of a table.
#[derive(Debug)]
pub struct Choice<'a, T> {
    /// The rule.
    pub strategy: Strategy,
    /// Which nodes may be picked.
    pub filter: &'a Filter,
    /// Nodes that this call has tried; others are preferred.
    pub tried: &'a [Arc<Member<T>>],
}

/// What an update did.
#[derive(Debug)]
pub struct Update<T> {
    /// What was kept for nodes that are gone.
    pub removed: Vec<T>,
    /// What is kept for ejected nodes that have been let in again, as their record changed.
    pub readmitted: Vec<T>,
}

impl<T: Clone> Table<T> {
    /// An empty table.
    pub fn new() -> Self {
        Self::with_random(Random::new())
    }

    /// An empty table whose random choices follow from a seed.
    pub fn seeded(seed: u64) -> Self {
        Self::with_random(Random::seeded(seed))
    }

    fn with_random(random: Random) -> Self {
        Self {
            members: RwLock::default(),
            turns: Mutex::default(),
            random,
        }
    }

    /// Replaces the nodes. Those that keep id and address keep what there is of them; `make` makes
    /// what is kept for the others.
    pub fn update(
        &self,
        nodes: &[Node],
        mut make: impl FnMut(&Node, &Arc<Health>) -> T,
    ) -> Update<T> {
        let mut members = self.members.write();
        let mut old = std::mem::take(&mut *members);
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
            if member.node == *node {
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
        // Not at the end of the queue, and not owed the turns of the past either.
        let turns = *self.turns.lock();
        stats.turn.store(turns, Ordering::Relaxed);
        Member {
            node: node.clone(),
            value: make(node, &stats.health),
            stats,
        }
    }

    /// Picks a node; `None` when no node passes the filter. `now` is any time that only grows.
    ///
    /// When every node is ejected one of them is picked all the same.
    pub fn pick(&self, choice: &Choice<'_, T>, now: Duration) -> Option<Flight<T>> {
        let members = self.members.read();
        let member = Arc::clone(self.pick_from(&members, choice, now)?);
        member.stats.load.begin();
        Some(Flight {
            member,
            started: now,
        })
    }

    /// All members, by node id.
    pub fn members(&self) -> Vec<Arc<Member<T>>> {
        let members = self.members.read();
        members.clone()
    }

    /// Whether there is another node in good health that passes the choice's filter and is not
    /// among the tried.
    pub fn has_other(&self, choice: &Choice<'_, T>, than: &Member<T>) -> bool {
        let members = self.members.read();
        let others = members
            .iter()
            .filter(|member| member.node.id != than.node.id && !member.health().is_ejected());
        let mut untried = others.filter(|member| {
            let same = |tried: &Arc<Member<T>>| tried.node.id == member.node.id;
            !choice.tried.iter().any(same)
        });
        untried.any(|member| choice.filter.fits(&member.node))
    }

    /// How many nodes there are.
    pub fn len(&self) -> usize {
        let members = self.members.read();
        members.len()
    }

    /// Whether there are no nodes.
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
        let ids = members.iter().map(|member| &member.node.id);
        f.debug_set().entries(ids).finish()
    }
}

impl<T> Member<T> {
    /// The node's record.
    pub fn node(&self) -> &Node {
        &self.node
    }

    /// What the caller keeps for it.
    pub fn value(&self) -> &T {
        &self.value
    }

    /// Calls in flight and latency.
    pub fn load(&self) -> &Load {
        &self.stats.load
    }

    /// Whether it is ejected.
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

/// A call on its way to the node that was picked for it; counted in flight until dropped.
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

    /// The node answered.
    pub fn answered(self, now: Duration) {
        let took = now.saturating_sub(self.started);
        self.member.stats.load.answered(now, took);
    }

    /// The node failed: it did not answer, or said that it cannot.
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
