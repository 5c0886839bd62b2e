//! The retry budget: limits retries to a share of the calls, so that retries cannot overload a
//! service.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts hundredths of tokens: each call adds `percent` of them, each retry takes 100.
#[derive(Debug)]
pub(super) struct RetryBudget {
    saved: AtomicU64,
    percent: u64,
    most: u64,
}

const TOKEN_COST: u64 = 100;
/// Maximum size of the budget, as a multiple of the reserve.
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

    /// Adds the share of one call.
    pub(super) fn earn(&self) {
        let add = |saved: u64| {
            let more = (saved + self.percent).min(self.most);
            (more > saved).then_some(more)
        };
        // This fails if the budget is full already, which needs no handling.
        let _ = self
            .saved
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
    }

    /// Takes a token for one retry. Returns whether there was one.
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
