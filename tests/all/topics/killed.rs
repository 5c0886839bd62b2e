//! Members of a queue that are killed and restarted: every event is handled, and repetitions are
//! counted.

use std::collections::HashMap;
use std::time::Duration;

use micro::broker::HostInfo;
use micro::prelude::*;
use micro::registry::Registry;
use micro_tests::{Program, World, until_async};

/// As `tests/src/bin/taker.rs` has it.
#[micro::message(topic = "counted.made")]
struct Made {
    number: u64,
}

/// Number of times a member is killed.
const KILLS: u64 = 5;

fn taker(world: &World) -> Program {
    let mut taker = Program::start(&mut world.command(env!("CARGO_BIN_EXE_taker")));
    taker.line("address");
    taker
}

/// Number of events. Set `MICRO_TEST_EVENTS=1000000` for the long run.
fn events() -> u64 {
    std::env::var("MICRO_TEST_EVENTS").map_or(2_000, |text| text.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_killed_five_times_loses_nothing() {
    let world = World::new();
    let mut members = vec![taker(&world), taker(&world)];
    let broker = Broker::open("http://").unwrap();
    let registry = Registry::open(&world.registry()).unwrap();
    broker.attach(&HostInfo::new(registry)).await.unwrap();
    until_async("the queue is known", || async {
        let probe = broker.publish(&Made { number: u64::MAX }).await;
        probe
            .is_ok_and(|published| published.taken == 1)
            .then_some(())
    })
    .await;
    let (total, mut failed) = (events(), 0);
    for number in 0..total {
        if number % (total / (KILLS + 1)) == total / (KILLS + 1) / 2 && number < total - 1 {
            let at = members.len() - 1;
            members[at].kill();
            members.push(taker(&world));
        }
        let id = number.to_string();
        // An event that is published again with the same id is the same event.
        while broker.publish(&Made { number }).id(&*id).await.is_err() {
            failed += 1;
        }
    }
    assert_eq!(broker.flush(Duration::from_secs(60)).await, 0);
    let killed = members.len() - 2;
    let wanted = usize::try_from(total).unwrap();
    let counts = until_async("every event is handled", || async {
        let mut counts: HashMap<u64, u32> = HashMap::new();
        for line in members.iter().flat_map(Program::output) {
            if let Ok(number) = line.parse::<u64>() {
                *counts.entry(number).or_default() += 1;
            }
        }
        counts.remove(&u64::MAX);
        (counts.len() == wanted).then_some(counts)
    })
    .await;
    let again: u32 = counts.values().map(|count| count - 1).sum();
    println!(
        "{total} events, {killed} kills: 0 lost, {again} handled again, {failed} failed calls"
    );
    assert!(broker.dead_letters().is_empty());
    assert!(killed >= 5, "{killed}");
}
