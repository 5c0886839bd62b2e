//! Progress of a consumer group: the settled offsets, and the number of failed deliveries of the
//! others. A record is settled once it is acked, dead-lettered or skipped.
//!
//! This module knows offsets only, not records or times.

use std::collections::BTreeMap;

/// One change of a group's progress, as it is persisted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The group starts at this offset. All earlier offsets count as settled.
    Start(u64),
    /// The offsets from the first value up to the second (exclusive) are settled.
    Settle(u64, u64),
    /// The record at this offset has failed this number of times.
    Tried(u64, u32),
}

/// Progress of a consumer group.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress {
    /// All offsets below this one are settled.
    pub committed: u64,
    /// Settled ranges above `committed`, from the key up to the value (exclusive). The ranges do
    /// not touch each other or `committed`.
    ahead: BTreeMap<u64, u64>,
    /// Number of failed deliveries of records that are not settled, by offset.
    tried: BTreeMap<u64, u32>,
}

impl Progress {
    /// Applies a change.
    pub fn apply(&mut self, step: Step) {
        match step {
            Step::Start(at) => self.settle(0, at),
            Step::Settle(from, to) => self.settle(from, to),
            Step::Tried(offset, times) => {
                if !self.is_settled(offset) {
                    self.tried.insert(offset, times);
                }
            }
        }
    }

    /// Steps that build this progress from an empty one. The first step is `Start`.
    pub fn steps(&self) -> impl Iterator<Item = Step> {
        let ahead = self.ahead.iter().map(|(from, to)| Step::Settle(*from, *to));
        let tried = self
            .tried
            .iter()
            .map(|(at, times)| Step::Tried(*at, *times));
        std::iter::once(Step::Start(self.committed))
            .chain(ahead)
            .chain(tried)
    }

    /// Offset after the last one that this progress mentions. The topic has at least this many
    /// offsets.
    pub fn end(&self) -> u64 {
        let ahead = self.ahead.last_key_value().map_or(0, |(_, to)| *to);
        let tried = self.tried.last_key_value().map_or(0, |(at, _)| at + 1);
        self.committed.max(ahead).max(tried)
    }

    /// Whether the offset is settled.
    pub fn is_settled(&self, offset: u64) -> bool {
        let within = |(_, to): (&u64, &u64)| offset < *to;
        offset < self.committed || self.ahead.range(..=offset).next_back().is_some_and(within)
    }

    /// Number of failed deliveries of a record.
    pub fn tried(&self, offset: u64) -> u32 {
        self.tried.get(&offset).copied().unwrap_or(0)
    }

    /// Number of offsets from `first` up to `next` (exclusive) that are not settled.
    pub fn lag(&self, first: u64, next: u64) -> u64 {
        let begin = self.committed.max(first);
        let settled = self.ahead.iter().map(|(from, to)| {
            let (from, to) = ((*from).max(begin), (*to).min(next));
            to.saturating_sub(from)
        });
        next.saturating_sub(begin).saturating_sub(settled.sum())
    }

    fn settle(&mut self, from: u64, to: u64) {
        let (mut from, mut to) = (from, to);
        if from >= to {
            return;
        }
        // Merge ranges that touch.
        while let Some((&start, &end)) = self.ahead.range(..=to).next_back() {
            if end < from {
                break;
            }
            self.ahead.remove(&start);
            (from, to) = (from.min(start), to.max(end));
        }
        if from <= self.committed {
            self.committed = self.committed.max(to);
            self.tried = self.tried.split_off(&self.committed);
        } else {
            self.ahead.insert(from, to);
            let (low, high) = (from, to);
            self.tried.retain(|at, _| *at < low || *at >= high);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn any_order_of_settling_comes_to_the_same_as_a_set() {
        for seed in 0..200 {
            let mut random = fastrand::Rng::with_seed(seed);
            let (mut progress, mut model) = (Progress::default(), BTreeSet::new());
            progress.apply(Step::Start(3));
            model.extend(0..3);
            for _ in 0..40 {
                let from = random.u64(0..60);
                let to = from + random.u64(0..4);
                progress.apply(Step::Settle(from, to));
                model.extend(from..to);
                for offset in 0..70 {
                    assert_eq!(progress.is_settled(offset), model.contains(&offset));
                }
                let (first, next) = (random.u64(0..20), 70);
                let open = (first..next).filter(|at| !model.contains(at)).count();
                assert_eq!(progress.lag(first, next), open as u64, "seed {seed}");
                let mut copy = Progress::default();
                progress.steps().for_each(|step| copy.apply(step));
                assert_eq!(copy, progress);
            }
        }
    }

    #[test]
    fn its_end_lies_behind_all_that_was_settled_or_tried() {
        let mut progress = Progress::default();
        let mut end = |step| {
            progress.apply(step);
            progress.end()
        };
        assert_eq!(end(Step::Start(3)), 3);
        assert_eq!(end(Step::Settle(7, 9)), 9);
        assert_eq!(end(Step::Tried(9, 1)), 10);
        assert_eq!(end(Step::Settle(3, 12)), 12);
    }

    #[test]
    fn tries_are_forgotten_once_settled() {
        let mut progress = Progress::default();
        progress.apply(Step::Tried(1, 4));
        progress.apply(Step::Tried(2, 2));
        assert_eq!((progress.tried(1), progress.tried(2)), (4, 2));
        progress.apply(Step::Settle(2, 3));
        assert_eq!((progress.tried(1), progress.tried(2)), (4, 0));
        progress.apply(Step::Settle(0, 2));
        progress.apply(Step::Tried(1, 9));
        assert_eq!(
            progress,
            Progress {
                committed: 3,
                ..Progress::default()
            }
        );
    }
}
