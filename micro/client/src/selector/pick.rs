//! Picks a node: finds the best rank, then applies the strategy within it.
//!
//! This takes two passes over the members and allocates nothing: tables are short and calls are
//! frequent.

use std::sync::Arc;
use std::time::Duration;

use crate::selector::strategy::Strategy;
use crate::selector::table::{Choice, Member, Table};

/// Number of ranks. Lower is better: healthy nodes before ejected ones, then nodes that this call
/// has not tried before those it has. The last two ranks apply when every node is ejected: an
/// attempt is better than an error without one.
const RANKS: usize = 4;

fn rank<T>(member: &Arc<Member<T>>, choice: &Choice<'_, T>) -> Option<usize> {
    if !choice.filter.fits(member.node()) {
        return None;
    }
    let tried = choice
        .tried
        .iter()
        .any(|other| other.node().id == member.node().id);
    Some(usize::from(member.health().is_ejected()) * 2 + usize::from(tried))
}

impl<T> Table<T> {
    /// Returns the member to call; `None` if none passes the filter. `now` is the table's time.
    pub(super) fn pick_from<'a>(
        &self,
        members: &'a [Arc<Member<T>>],
        choice: &Choice<'_, T>,
        now: Duration,
    ) -> Option<&'a Arc<Member<T>>> {
        let mut counts = [0_usize; RANKS];
        for member in members {
            if let Some(rank) = rank(member, choice) {
                counts[rank] += 1;
            }
        }
        let best = counts.iter().position(|&count| count > 0)?;
        let (count, all) = (counts[best], members.iter());
        let mut fitting = all.filter(|member| rank(member, choice) == Some(best));
        // Health may change between the passes, which may leave fewer members than were counted.
        let pick = match choice.strategy {
            _ if count == 1 => fitting.next(),
            Strategy::Random => fitting.nth(self.random.below(count)),
            Strategy::LeastLoaded => {
                let first = self.random.below(count);
                let second = (first + 1 + self.random.below(count - 1)) % count;
                let (low, high) = (first.min(second), first.max(second));
                let one = fitting.nth(low);
                let other = fitting.nth(high - low - 1);
                match (one, other) {
                    (Some(one), Some(other)) => Some(lighter(one, other, first == low, now)),
                    (one, other) => one.or(other),
                }
            }
            Strategy::RoundRobin => return self.next_in_turn(fitting),
        };
        pick.or_else(|| members.iter().find(|member| rank(member, choice).is_some()))
    }

    /// Returns the member whose last turn was the longest ago. The rotation is exact, even with
    /// overlapping filters.
    fn next_in_turn<'a>(
        &self,
        fitting: impl Iterator<Item = &'a Arc<Member<T>>>,
    ) -> Option<&'a Arc<Member<T>>> {
        let mut turns = self.turns.lock();
        let next = fitting.min_by_key(|member| member.last_turn())?;
        *turns += 1;
        next.set_last_turn(*turns);
        Some(next)
    }
}

/// Returns the less loaded of two members. If they are equal, `prefer_one`, which is random,
/// decides.
fn lighter<'a, T>(
    one: &'a Arc<Member<T>>,
    other: &'a Arc<Member<T>>,
    prefer_one: bool,
    now: Duration,
) -> &'a Arc<Member<T>> {
    let (preferred, rival) = if prefer_one {
        (one, other)
    } else {
        (other, one)
    };
    if rival.load().is_lighter(preferred.load(), now) {
        rival
    } else {
        preferred
    }
}
