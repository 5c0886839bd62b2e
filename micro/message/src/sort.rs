//! Sorting of what is read at startup or on request, without an instance of std's sort a list.

use std::cmp::Ordering;

/// Sorts as [`slice::sort_by`] does, stably, with one small function per type of list.
///
/// Each type and each closure that `slice::sort_by` is used with compiles some 5000 lines of LLVM IR; the forty lists that the runtime sorts were 5 % of what its debug build compiled. Here the
/// algorithm is compiled once and sorts indices. The price is a list of these and a dynamic call
/// per comparison, so a list that is sorted per call stays with std. To count again:
/// `cargo rustc -p micro-schema -- --emit=llvm-ir`, functions named `drift::sort`.
pub fn sort_by<T>(list: &mut [T], compare: impl Fn(&T, &T) -> Ordering) {
    let swaps = swaps(list.len(), &|a, b| compare(&list[a], &list[b]));
    for (a, b) in swaps {
        list.swap(a, b);
    }
}

/// Sorts as [`slice::sort_by_key`] does; see [`sort_by`].
pub fn sort_by_key<T, K: Ord>(list: &mut [T], key: impl Fn(&T) -> K) {
    sort_by(list, |a, b| key(a).cmp(&key(b)));
}

/// The swaps that bring a list into order, from the first to the last.
fn swaps(len: usize, compare: &dyn Fn(usize, usize) -> Ordering) -> Vec<(usize, usize)> {
    let mut order: Vec<usize> = (0..len).collect();
    order.sort_by(|a, b| compare(*a, *b));
    let mut swaps = Vec::new();
    // Each cycle of the permutation is followed once; a place that is done points to itself.
    for first in 0..len {
        let mut at = first;
        while order[at] != first {
            let from = std::mem::replace(&mut order[at], at);
            swaps.push((at, from));
            at = from;
        }
        order[at] = at;
    }
    swaps
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lists of every length up to 64, with many equal keys, in an order without a pattern.
    fn lists() -> impl Iterator<Item = Vec<(u64, usize)>> {
        let mut state = 7_u64;
        let mut next = move || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 33) % 9
        };
        (0..64).map(move |len| (0..len).map(|at| (next(), at)).collect())
    }

    #[test]
    fn order_is_that_of_std_s_stable_sort() {
        for list in lists() {
            let (mut ours, mut expected) = (list.clone(), list);
            sort_by_key(&mut ours, |entry| entry.0);
            expected.sort_by_key(|entry| entry.0);
            assert_eq!(ours, expected);
        }
    }

    #[test]
    fn what_is_sorted_may_own_memory() {
        let mut list = ["c", "a", "b"].map(String::from);
        sort_by(&mut list, Ord::cmp);
        assert_eq!(list, ["a", "b", "c"]);
    }
}
