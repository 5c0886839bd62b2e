//! Groups of names that use each other (strongly connected components), dependencies first.

use std::collections::{BTreeMap, BTreeSet};

/// Groups names that use each other, directly or indirectly. A group comes after the groups that it
/// uses.
///
/// The search is iterative, because chains of types may be long.
pub(super) fn groups<'a>(uses: &BTreeMap<&'a str, BTreeSet<&'a str>>) -> Vec<Vec<&'a str>> {
    let mut search = Search::default();
    for name in uses.keys() {
        search.run(name, uses);
    }
    search.groups
}

#[derive(Default)]
struct Search<'a> {
    /// For each visited name: its index, and the smallest index that is reachable from it.
    seen: BTreeMap<&'a str, (usize, usize)>,
    /// Visited names that are not in a group yet.
    open: Vec<&'a str>,
    grouped: BTreeSet<&'a str>,
    groups: Vec<Vec<&'a str>>,
}

impl<'a> Search<'a> {
    fn run(&mut self, start: &'a str, uses: &BTreeMap<&'a str, BTreeSet<&'a str>>) {
        if self.seen.contains_key(start) {
            return;
        }
        let needs = |name: &str| uses.get(name).into_iter().flatten().copied();
        let mut path = vec![(start, needs(start).collect::<Vec<_>>())];
        self.enter(start);
        while let Some((name, rest)) = path.last_mut() {
            let name = *name;
            match rest.pop() {
                Some(next) if !self.seen.contains_key(next) => {
                    self.enter(next);
                    path.push((next, needs(next).collect()));
                }
                Some(next) => {
                    if !self.grouped.contains(next) {
                        self.lead_back(name, self.seen[next].0);
                    }
                }
                None => {
                    path.pop();
                    self.leave(name);
                    if let Some((before, _)) = path.last() {
                        self.lead_back(before, self.seen[name].1);
                    }
                }
            }
        }
    }

    fn enter(&mut self, name: &'a str) {
        let order = self.seen.len();
        self.seen.insert(name, (order, order));
        self.open.push(name);
    }

    fn lead_back(&mut self, name: &'a str, to: usize) {
        if let Some((_, low)) = self.seen.get_mut(name) {
            *low = to.min(*low);
        }
    }

    /// Completes a group if none of its names leads to an earlier name.
    fn leave(&mut self, name: &'a str) {
        let (order, low) = self.seen[name];
        if order != low {
            return;
        }
        let Some(start) = self.open.iter().position(|open| *open == name) else {
            return;
        };
        let mut group = self.open.split_off(start);
        group.sort_unstable();
        self.grouped.extend(&group);
        self.groups.push(group);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cycles_are_one_group_and_dependencies_come_first() {
        let uses = [
            ("a", vec!["b", "d"]),
            ("b", vec!["c"]),
            ("c", vec!["b", "e"]),
            ("d", vec!["d"]),
            ("e", vec![]),
        ];
        let uses: BTreeMap<_, BTreeSet<_>> = uses
            .into_iter()
            .map(|(name, used)| (name, used.into_iter().collect()))
            .collect();
        let groups = groups(&uses);
        let at = |name: &str| {
            groups
                .iter()
                .position(|group| group.contains(&name))
                .unwrap()
        };
        assert_eq!(groups.len(), 4);
        assert_eq!(groups[at("b")], ["b", "c"]);
        assert!(at("e") < at("b") && at("b") < at("a") && at("d") < at("a"));
    }
}
