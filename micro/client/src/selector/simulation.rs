//! Tests of the selector in a seeded simulation with simulated time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::selector::{Choice, Filter, Flight, Member, Strategy, Table};
use micro_registry::Node;
use micro_registry::internal::unverified;

static ALL: Filter = Filter::new();

fn node(id: &str) -> Node {
    Node::new("greeter", id, format!("127.0.0.1:{}", id.len()))
}

fn table(ids: &[&str]) -> Table<()> {
    let table = Table::seeded(42);
    let nodes: Vec<_> = ids.iter().map(|id| node(id)).collect();
    table.update(&nodes, |_, _| ());
    table
}

fn choice(strategy: Strategy) -> Choice<'static, ()> {
    Choice {
        strategy,
        method: None,
        filter: &ALL,
        tried: &[],
    }
}

fn pick(table: &Table<()>, choice: &Choice<'_, ()>) -> Flight<()> {
    table.pick(choice, Duration::ZERO).unwrap()
}

fn id(flight: &Flight<()>) -> String {
    flight.member().node().id.clone()
}

fn member(table: &Table<()>, id: &str) -> Arc<Member<()>> {
    let all = table.members();
    let found = all.iter().find(|member| member.node().id == id);
    Arc::clone(found.unwrap())
}

fn shares(table: &Table<()>, choice: &Choice<'_, ()>, calls: usize) -> BTreeMap<String, usize> {
    let mut shares = BTreeMap::new();
    for _ in 0..calls {
        *shares.entry(id(&pick(table, choice))).or_default() += 1;
    }
    shares
}

#[test]
fn empty_table_has_nobody() {
    let none = table(&[]).pick(&choice(Strategy::Random), Duration::ZERO);
    assert!(none.is_none());
}

#[test]
fn round_robin_is_exact_also_under_threads() {
    let table = table(&["a", "b", "c"]);
    let rounds = shares(&table, &choice(Strategy::RoundRobin), 300);
    assert!(rounds.values().all(|&n| n == 100), "{rounds:?}");
    std::thread::scope(|scope| {
        let run = || shares(&table, &choice(Strategy::RoundRobin), 3_000);
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(run)).collect();
        let mut all = BTreeMap::new();
        for (id, n) in threads.into_iter().flat_map(|t| t.join().unwrap()) {
            *all.entry(id).or_insert(0) += n;
        }
        assert!(all.values().all(|&n| n == 4_000), "{all:?}");
    });
}

#[test]
fn round_robin_goes_on_fairly_when_nodes_come_and_under_filters() {
    let table = table(&["a", "b"]);
    shares(&table, &choice(Strategy::RoundRobin), 100);
    let zoned = |id: &str, zone: &str| node(id).with_metadata("zone", zone);
    let nodes = [
        zoned("a", "x"),
        zoned("b", "x"),
        zoned("c", "y"),
        zoned("d", "y"),
    ];
    table.update(&nodes, |_, _| ());
    let rounds = shares(&table, &choice(Strategy::RoundRobin), 40);
    assert!(rounds.values().all(|&n| n == 10), "{rounds:?}");
    // With two alternating filters, each filter still gets its own nodes in turn.
    let (x, y) = (
        Filter::new().label("zone", "x"),
        Filter::new().label("zone", "y"),
    );
    let mut seen = BTreeMap::new();
    for filter in [&x, &y].into_iter().cycle().take(40) {
        let choice = Choice {
            strategy: Strategy::RoundRobin,
            method: None,
            filter,
            tried: &[],
        };
        *seen.entry(id(&pick(&table, &choice))).or_insert(0) += 1;
    }
    assert!(
        seen.values().all(|&n| n == 10) && seen.len() == 4,
        "{seen:?}"
    );
}

#[test]
fn random_is_even() {
    let table = table(&["a", "b", "c", "d"]);
    let shares = shares(&table, &choice(Strategy::Random), 40_000);
    let even = |&n: &usize| (9_600..10_400).contains(&n);
    assert!(shares.values().all(even), "{shares:?}");
}

#[test]
fn ejected_are_passed_over_until_all_are() {
    for &strategy in Strategy::ALL {
        let table = table(&["a", "b", "c"]);
        member(&table, "a").health().eject();
        let some = shares(&table, &choice(strategy), 100);
        assert!(
            !some.contains_key("a") && some.len() == 2,
            "{strategy}: {some:?}"
        );
        for id in ["b", "c"] {
            member(&table, id).health().eject();
        }
        let panic = shares(&table, &choice(strategy), 100);
        assert_eq!(panic.len(), 3, "{strategy}: {panic:?}");
        member(&table, "b").health().readmit();
        assert_eq!(shares(&table, &choice(strategy), 9).len(), 1, "{strategy}");
    }
}

#[test]
fn changed_record_readmits_and_new_address_starts_afresh() {
    let table = table(&["a", "b"]);
    member(&table, "a").health().eject();
    let same = table.update(&[node("a"), node("b")], |_, _| ());
    assert!(same.readmitted.is_empty() && member(&table, "a").health().is_ejected());
    let update = table.update(&[node("a").with_version("2")], |_, _| ());
    assert_eq!((update.readmitted.len(), update.removed.len()), (1, 1));
    assert!(!member(&table, "a").health().is_ejected());
    member(&table, "a").health().eject();
    let moved = Node::new("greeter", "a", "127.0.0.1:9");
    assert_eq!(table.update(&[moved], |_, _| ()).removed.len(), 1);
    assert!(!member(&table, "a").health().is_ejected());
}

#[test]
fn only_nodes_with_the_method_take_turns_and_an_update_counts_at_once() {
    let serving = |id: &str, methods: &[&str]| node(id).with_methods(methods.iter().copied());
    let (old, new) = ("/greeter.Greeter/Hello", "/greeter.Greeter/Bye");
    let table: Table<()> = Table::seeded(42);
    table.update(
        &[serving("a", &[old]), serving("b", &[old, new])],
        |_, _| (),
    );
    for &strategy in Strategy::ALL {
        let of = |method| Choice {
            method: Some(method),
            ..choice(strategy)
        };
        assert_eq!(shares(&table, &of(old), 100).len(), 2, "{strategy}");
        let only = shares(&table, &of(new), 10);
        assert_eq!((only.len(), only["b"]), (1, 10), "{strategy}");
        let flight = pick(&table, &of(new));
        assert!(!table.has_other(&of(new), flight.member()), "{strategy}");
        assert!(table.has_other(&of(old), flight.member()), "{strategy}");
        assert!(
            table
                .pick(&of("/greeter.Greeter/No"), Duration::ZERO)
                .is_none()
        );
    }
    let of_new = Choice {
        method: Some(new),
        ..choice(Strategy::RoundRobin)
    };
    table.update(
        &[serving("a", &[old, new]), serving("b", &[old])],
        |_, _| (),
    );
    assert_eq!(shares(&table, &of_new, 10)["a"], 10);
    table.update(&[serving("a", &[old])], |_, _| ());
    assert!(table.pick(&of_new, Duration::ZERO).is_none());
}

#[test]
fn node_that_is_verified_later_is_picked_from_then_on() {
    let table: Table<()> = Table::seeded(42);
    let choice = Choice {
        method: Some("/greeter.Greeter/Hello"),
        ..choice(Strategy::RoundRobin)
    };
    table.update(&[node("a"), unverified(node("b"))], |_, _| ());
    assert_eq!(shares(&table, &choice, 10).len(), 1);
    table.update(&[node("a"), node("b")], |_, _| ());
    assert_eq!(shares(&table, &choice, 10).len(), 2);
}

#[test]
fn second_try_goes_elsewhere_while_there_is_an_elsewhere() {
    let table = table(&["a", "b"]);
    for &strategy in Strategy::ALL {
        let first = pick(&table, &choice(strategy));
        let tried = [Arc::clone(first.member())];
        let again = Choice {
            strategy,
            method: None,
            filter: &ALL,
            tried: &tried,
        };
        let second = pick(&table, &again);
        assert_ne!(id(&first), id(&second), "{strategy}");
        assert!(!table.has_other(
            &Choice {
                tried: &tried,
                ..choice(strategy)
            },
            second.member()
        ));
    }
}

#[test]
fn dropped_flights_leave_nothing_in_flight() {
    let table = table(&["a"]);
    let flights: Vec<_> = (0..7)
        .map(|_| pick(&table, &choice(Strategy::default())))
        .collect();
    assert_eq!(member(&table, "a").load().in_flight(), 7);
    drop(flights);
    assert_eq!(member(&table, "a").load().in_flight(), 0);
}

/// Simulates 64 callers against nodes with the given latencies. Returns the number of calls to each
/// node.
fn world(latencies: &[(&str, u64)], seconds: u64) -> BTreeMap<String, usize> {
    let ids: Vec<_> = latencies.iter().map(|(id, _)| *id).collect();
    let table = table(&ids);
    let latency = |id: &str| latencies.iter().find(|(other, _)| *other == id).unwrap().1;
    let mut shares = BTreeMap::new();
    let mut running: Vec<(Duration, Flight<()>)> = Vec::new();
    let mut now = Duration::ZERO;
    while now < Duration::from_secs(seconds) {
        while running.len() < 64 {
            let flight = table.pick(&choice(Strategy::LeastLoaded), now).unwrap();
            let id = id(&flight);
            running.push((now + Duration::from_micros(latency(&id)), flight));
            *shares.entry(id).or_insert(0) += 1;
        }
        let ends = running.iter().enumerate();
        let next = ends.min_by_key(|(_, (end, _))| *end).unwrap().0;
        let (end, flight) = running.swap_remove(next);
        now = end;
        flight.answered(now);
    }
    shares
}

#[test]
fn least_loaded_avoids_the_slow_node() {
    let shares = world(
        &[("fast-1", 1_000), ("fast-2", 1_000), ("slow", 100_000)],
        5,
    );
    let (fast, slow) = (shares["fast-1"], shares["slow"]);
    assert!(slow * 20 < fast, "{shares:?}");
    assert!(slow > 0, "a slow node is still looked at: {shares:?}");
    assert!(shares["fast-2"].abs_diff(fast) * 10 < fast, "{shares:?}");
}
