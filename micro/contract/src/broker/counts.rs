//! Cases of the number and order of handled events.

use std::collections::HashMap;
use std::time::Duration;

use micro_broker::Options;
use tokio::time::{sleep, timeout};

use super::{Notes, PAUSE, World, close, event, keyed, numbers};
use crate::DEADLINE;

const AT_ONCE: Duration = Duration::ZERO;
/// Number of events in a burst.
const BURST: usize = 1000;

/// With three queues that have members on two nodes, and two plain subscribers, each queue and each
/// plain subscriber handles each event once, and with `keys` the events of a key in order.
pub async fn each_queue_and_subscriber_gets_each_event_once(world: World) {
    let topic = world.topic("counts");
    let mut all = Vec::new();
    let queues = [Notes::default(), Notes::default(), Notes::default()];
    let plain = [Notes::default(), Notes::default()];
    for (at, notes) in queues.iter().enumerate() {
        for node in 0..2 {
            let options = Options::new().queue(format!("q{at}")).concurrency(at + 1);
            all.push(
                world
                    .subscribe_noting(node, &topic, options, notes, AT_ONCE)
                    .await,
            );
        }
    }
    for (node, notes) in plain.iter().enumerate() {
        let options = Options::new();
        all.push(
            world
                .subscribe_noting(node, &topic, options, notes, AT_ONCE)
                .await,
        );
    }
    world.reach(&topic, 5).await;
    // A backend without `confirms` may lose events that exceed the capacity of a subscriber.
    let count = if world.capabilities().confirms {
        500
    } else {
        100
    };
    for number in 0..count {
        let key = format!("k{}", number % KEYS);
        let event = keyed(&topic, &key, format!("{key} {number}"));
        world.publish(event, 5).await;
    }
    for notes in queues.iter().chain(&plain) {
        notes.wait(count).await;
    }
    world.reach(&topic, 5).await;
    close(all).await;
    for notes in queues.iter().chain(&plain) {
        assert_each_once(notes, count, world.capabilities().keys);
    }
}

const KEYS: usize = 7;

/// Asserts that each number occurs once and, with `ordered`, that the numbers of each key ascend.
fn assert_each_once(notes: &Notes, count: usize, ordered: bool) {
    let mut last: HashMap<String, usize> = HashMap::new();
    let mut seen = Vec::new();
    for note in notes.all() {
        let (key, number) = note.split_once(' ').unwrap();
        let number: usize = number.parse().unwrap();
        seen.push(number);
        let before = last.insert(key.to_owned(), number);
        let follows = before.is_none_or(|before| before + KEYS == number);
        assert!(follows || !ordered, "{note} after {before:?}");
    }
    seen.sort_unstable();
    assert_eq!(seen, (0..count).collect::<Vec<_>>());
}

/// A burst that exceeds the capacity of a subscriber is buffered in order. Needs `confirms` and
/// `keys`.
pub async fn a_burst_beyond_the_room_keeps_its_order(world: World) {
    let keys = world.capabilities().keys;
    if !world.can_confirm() || !world.can(keys, "keep the order of a key") {
        return;
    }
    let topic = world.topic("narrow");
    for node in 0..2 {
        let notes = Notes::default();
        let options = Options::new().queue("narrow").capacity(3);
        let subscription = world
            .subscribe_noting(node, &topic, options, &notes, AT_ONCE)
            .await;
        world.reach(&topic, 1).await;
        let events = (0..700).map(|number| keyed(&topic, "k", number));
        let taken = world.publisher.publish_all(events.collect()).await.unwrap();
        assert_eq!(taken, [1; 700]);
        notes.wait(700).await;
        world.reach(&topic, 1).await;
        close([subscription]).await;
        assert_eq!(notes.all(), numbers(700));
    }
}

/// Events published at maximum speed are all handled in publishing order. Needs `confirms`.
///
/// Go Micro's default broker lost 936 of 1,000 events in this case.
pub async fn a_burst_is_handled_to_the_last_event(world: World) {
    burst(&world, AT_ONCE).await;
}

/// Like [`a_burst_is_handled_to_the_last_event`], with a handler that takes 5 ms per event.
///
/// Go Micro's default broker lost 628 of 1,000 events in this case.
pub async fn a_burst_at_a_slow_subscriber_is_handled_to_the_last_event(world: World) {
    burst(&world, Duration::from_millis(5)).await;
}

async fn burst(world: &World, pause: Duration) {
    if !world.can_confirm() {
        return;
    }
    let topic = world.topic("burst");
    let notes = Notes::default();
    let queue = Options::new().queue("burst").capacity(64);
    let subscription = world
        .subscribe_noting(0, &topic, queue, &notes, pause)
        .await;
    world.reach(&topic, 1).await;
    for number in 0..BURST {
        world.publish(event(&topic, number), 1).await;
    }
    notes.wait(BURST).await;
    world.reach(&topic, 1).await;
    close([subscription]).await;
    assert_eq!(notes.all(), numbers(BURST));
}

/// With three queues in one process, each handler runs once per event.
///
/// Go Micro ran each handler three times.
pub async fn three_queues_of_one_process_run_each_handler_once(world: World) {
    let topic = world.topic("queues");
    let (notes, mut all) = ([(); 3].map(|()| Notes::default()), Vec::new());
    for (at, notes) in notes.iter().enumerate() {
        let options = Options::new().queue(format!("q{at}"));
        all.push(
            world
                .subscribe_noting(0, &topic, options, notes, AT_ONCE)
                .await,
        );
    }
    world.reach(&topic, 3).await;
    world.publish(event(&topic, "one"), 3).await;
    for notes in &notes {
        notes.wait(1).await;
    }
    world.reach(&topic, 3).await;
    close(all).await;
    for notes in &notes {
        assert_eq!(notes.all(), ["one"]);
    }
}

/// With two topics that have two queues each and are published to alternately, every member handles
/// a share of the events. Needs `confirms`.
pub async fn members_of_a_queue_share_its_events(world: World) {
    if !world.can_confirm() {
        return;
    }
    let topics = ["share-a", "share-b"].map(|name| world.topic(name));
    let (mut notes, mut all) = (Vec::new(), Vec::new());
    for topic in &topics {
        for (queue, node) in [("one", 0), ("one", 1), ("two", 0), ("two", 1)] {
            let own = Notes::default();
            let options = Options::new().queue(queue);
            all.push(
                world
                    .subscribe_noting(node, topic, options, &own, AT_ONCE)
                    .await,
            );
            notes.push(own);
        }
    }
    for topic in &topics {
        world.reach(topic, 2).await;
    }
    let mut published = 0;
    // Members may become known one after another. Each receives its share once it is known.
    let share = async {
        while notes.iter().any(|notes| notes.len() < 50) {
            for topic in &topics {
                world.publish(event(topic, published), 2).await;
            }
            published += 1;
        }
    };
    let shared = timeout(DEADLINE, share).await.is_ok();
    let handled = || notes.iter().map(Notes::len);
    assert!(
        shared,
        "handled by each: {:?}",
        handled().collect::<Vec<_>>()
    );
    assert_eq!(world.publisher.flush(DEADLINE).await, 0);
    let all_handled = async {
        while handled().sum::<usize>() < published * 4 {
            sleep(PAUSE).await;
        }
    };
    timeout(DEADLINE, all_handled)
        .await
        .expect("all are handled");
    for topic in &topics {
        world.reach(topic, 2).await;
    }
    close(all).await;
    assert_eq!(handled().sum::<usize>(), published * 4);
}

/// Topic, id, key, metadata and content type arrive with the payload.
pub async fn what_travels_beside_the_payload_arrives(world: World) {
    let topic = world.topic("beside");
    let seen = Notes::default();
    let notes = seen.clone();
    let note = move |delivery: micro_broker::Delivery| {
        let event = delivery.event();
        let facts = [
            delivery.topic(),
            delivery.id(),
            delivery.key().unwrap_or_default(),
            event.metadata.get("tenant").unwrap_or_default(),
            &*event.content_type,
        ];
        notes.push(facts.join(" "));
        async { Ok(()) }
    };
    let subscription = world.subscribe(0, &topic, Options::new(), note).await;
    world.reach(&topic, 1).await;
    let published = world.publisher.publish_event(event(&topic, "x"));
    let published = published.id("42").key("7").metadata("tenant", "acme");
    published.await.unwrap();
    seen.wait(1).await;
    world.reach(&topic, 1).await;
    close([subscription]).await;
    assert_eq!(seen.all(), [format!("{topic} 42 7 acme text/plain")]);
}

/// `*` matches one segment of a topic, `>` matches one or more segments at its end. Needs
/// `patterns`.
pub async fn patterns_match_topics(world: World) {
    if !world.can(world.capabilities().patterns, "match patterns of topics") {
        return;
    }
    let (one, rest) = (Notes::default(), Notes::default());
    let (star, arrow) = (world.topic("p.*"), world.topic("p.>"));
    let all = [
        world
            .subscribe_noting(0, &star, Options::new(), &one, AT_ONCE)
            .await,
        world
            .subscribe_noting(1, &arrow, Options::new(), &rest, AT_ONCE)
            .await,
    ];
    let (short, long) = (world.topic("p.a"), world.topic("p.a.b"));
    world.reach(&short, 2).await;
    world.publish(event(&short, "p.a"), 2).await;
    world.publish(event(&long, "p.a.b"), 1).await;
    world.publish(event(&world.topic("p"), "p"), 0).await;
    one.wait(1).await;
    rest.wait(2).await;
    world.reach(&short, 2).await;
    world.reach(&long, 1).await;
    close(all).await;
    assert_eq!(one.all(), ["p.a"]);
    // Events of different topics have no order.
    let mut rest = rest.all();
    rest.sort();
    assert_eq!(rest, ["p.a", "p.a.b"]);
}
