//! Picking: the best rank there is, then the strategy within it.
//!
//! Two passes over the members and no allocation: tables are short, calls are many.

use std::sync::Arc;
use std::time::Duration;

use crate::selector::strategy::Strategy;
use crate::selector::table::{Choice, Member, Table};

/// Lower is better: in good health before ejected, then not yet tried by this call before tried.
/// The last two ranks are for when every node is ejected: trying beats failing without a try.
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
    /// The member to call; `None` when none passes the filter. `now` is the table's time.
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
        // Health may change between the passes: then fewer are left than were counted.
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

    /// The one whose last turn is longest ago; exact, also for filters that overlap.
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

/// The lighter of two; `one` on a draw when `prefer_one`, which is random.
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
