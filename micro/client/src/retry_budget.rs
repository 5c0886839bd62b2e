//! The retry budget: repetitions are a share of calls, so that they cannot storm.

use std::sync::atomic::{AtomicU64, Ordering};

/// Tokens in hundredths: one call brings `percent` of them, one repetition takes a hundred.
#[derive(Debug)]
pub(super) struct RetryBudget {
    saved: AtomicU64,
    percent: u64,
    most: u64,
}

const TOKEN_COST: u64 = 100;
/// How many times the reserve may be saved up by calls that needed no repetition.
const MAX_SAVINGS: u64 = 10;

impl RetryBudget {
    pub(super) fn new(percent: u32, reserve: u32) -> Self {
        let reserve = u64::from(reserve) * TOKEN_COST;
        Self {
            saved: AtomicU64::new(reserve),
            percent: u64::from(percent),
            most: reserve * MAX_SAVINGS,
        }
    }

    /// A call was made.
    pub(super) fn earn(&self) {
        let add = |saved: u64| {
            let more = (saved + self.percent).min(self.most);
            (more > saved).then_some(more)
        };
        // Fails when the budget is full already, which is fine.
        let _ = self
            .saved
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
    }

    /// Whether one more repetition may be made; takes its token.
    pub(super) fn spend(&self) -> bool {
        self.saved
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |saved| {
                saved.checked_sub(TOKEN_COST)
            })
            .is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repetitions_are_a_tenth_and_the_reserve() {
        let budget = RetryBudget::new(10, 5);
        let mut spent = 0;
        for _ in 0..1_000 {
            budget.earn();
            spent += u32::from(budget.spend());
        }
        assert_eq!(spent, 105);
    }

    #[test]
    fn savings_are_bounded_and_nothing_is_nothing() {
        let budget = RetryBudget::new(10, 2);
        (0..10_000).for_each(|_| budget.earn());
        assert_eq!((0..100).filter(|_| budget.spend()).count(), 20);
        let none = RetryBudget::new(0, 0);
        none.earn();
        assert!(!none.spend());
    }
}
