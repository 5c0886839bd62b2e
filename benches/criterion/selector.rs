//! The cost of picking a node: each strategy, few nodes and many, on one thread and on two.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use micro::registry::Node;
use micro::selector::{Choice, Filter, Strategy, Table};

fn table(nodes: usize) -> Table<usize> {
    let table = Table::seeded(1);
    let nodes: Vec<Node> = (0..nodes)
        .map(|n| Node::new("greeter", format!("greeter-{n}"), format!("127.0.0.1:{n}")))
        .collect();
    let mut number = 0;
    table.update(&nodes, |_, _| {
        number += 1;
        number
    });
    table
}

/// Picks a node and completes its call, as a client does.
fn call(table: &Table<usize>, strategy: Strategy, now: Duration) {
    let choice = Choice {
        strategy,
        method: None,
        filter: &Filter::default(),
        tried: &[],
    };
    let flight = table.pick(&choice, now).expect("the table has nodes");
    black_box(flight.member().value());
    flight.answered(now);
}

fn alone(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("selector");
    for nodes in [3, 100] {
        let table = table(nodes);
        let start = Instant::now();
        for &strategy in Strategy::ALL {
            group.bench_function(BenchmarkId::new(strategy.name(), nodes), |bencher| {
                bencher.iter(|| call(&table, strategy, start.elapsed()));
            });
        }
    }
    group.finish();
}

fn beside_another(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("selector beside another thread");
    for &strategy in Strategy::ALL {
        let table = Arc::new(table(3));
        let stop = Arc::new(AtomicBool::new(false));
        let start = Instant::now();
        let other = thread::spawn({
            let (table, stop) = (Arc::clone(&table), Arc::clone(&stop));
            move || {
                while !stop.load(Ordering::Relaxed) {
                    call(&table, strategy, start.elapsed());
                }
            }
        });
        group.bench_function(strategy.name(), |bencher| {
            bencher.iter(|| call(&table, strategy, start.elapsed()));
        });
        stop.store(true, Ordering::Relaxed);
        other.join().expect("the other thread only picks");
    }
    group.finish();
}

criterion_group!(benches, alone, beside_another);
criterion_main!(benches);
