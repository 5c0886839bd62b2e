//! Cases of consumer groups without failures.

use std::collections::BTreeSet;

use micro_events::{Options, Start};

use super::{World, delivery, take};

/// Each of two groups receives every record in order.
pub async fn each_group_gets_everything(world: World) {
    let topic = world.topic("shared");
    world.append_numbers(&topic, 5).await;
    let mut one = world.consumer(&topic, "one").await;
    let mut other = world.consumer(&topic, "other").await;
    for consumer in [&mut one, &mut other] {
        for number in 0..5_u32 {
            assert_eq!(take(consumer).await, number.to_string());
        }
    }
    world.append(&topic, "late").await;
    assert_eq!(take(&mut one).await, "late");
    assert_eq!(take(&mut other).await, "late");
}

/// Four consumers of a group together handle each record once.
pub async fn consumers_share_their_group(world: World) {
    let topic = world.topic("work");
    world.append_numbers(&topic, 200).await;
    let mut consumers = Vec::new();
    for _ in 0..4 {
        consumers.push(world.consumer(&topic, "workers").await);
    }
    // Each consumer holds a record before any record is acknowledged.
    let mut seen = BTreeSet::new();
    let mut held = Vec::new();
    for consumer in &mut consumers {
        let delivery = delivery(consumer).await;
        assert_eq!(delivery.attempt(), 1);
        assert!(seen.insert(delivery.record().offset));
        held.push(delivery);
    }
    for delivery in held {
        delivery.ack().await.unwrap();
    }
    let tasks: Vec<_> = consumers
        .into_iter()
        .map(|mut consumer| {
            tokio::spawn(async move {
                let mut offsets = Vec::new();
                for _ in 0..49 {
                    let delivery = delivery(&mut consumer).await;
                    offsets.push(delivery.record().offset);
                    delivery.ack().await.unwrap();
                }
                offsets
            })
        })
        .collect();
    for task in tasks {
        for offset in task.await.unwrap() {
            assert!(seen.insert(offset), "{offset} came twice");
        }
    }
    assert_eq!(seen.len(), 200);
    assert_eq!(world.lag(&topic, "workers").await, 0);
}

/// A new group starts where its first consumer specifies. A known group continues where it was,
/// whatever a later consumer specifies.
pub async fn a_group_begins_where_it_says_and_goes_on_where_it_was(world: World) {
    let topic = world.topic("begun");
    let first = world.append_numbers(&topic, 4).await;
    let from = async |group: &str, start| {
        let options = Options::new().with_start(start);
        world.consumer_with(&topic, group, options).await
    };
    assert_eq!(take(&mut from("a", Start::Earliest).await).await, "0");
    let middle = Start::Offset(first + 2);
    assert_eq!(take(&mut from("b", middle).await).await, "2");
    let mut latest = from("c", Start::Latest).await;
    world.append(&topic, "4").await;
    assert_eq!(take(&mut latest).await, "4");
    drop(latest);
    for (group, next) in [("a", "1"), ("b", "3")] {
        assert_eq!(take(&mut from(group, Start::Latest).await).await, next);
    }
    let mut known = from("c", Start::Earliest).await;
    world.assert_nothing_but_a_marker(&topic, &mut known).await;
    // A group of a topic that does not exist yet.
    let later = world.topic("begun-later");
    let mut early = world.consumer(&later, "g").await;
    world.append(&later, "x").await;
    assert_eq!(take(&mut early).await, "x");
}

/// A consumer holds at most `in_flight` deliveries. A group delivers at most `window` records,
/// counted from its oldest unacknowledged one.
pub async fn in_flight_and_window_bound_a_group(world: World) {
    let topic = world.topic("bounded");
    world.append_numbers(&topic, 10).await;
    let options = Options::new().with_in_flight(2).with_window(4);
    let consumer = async || world.consumer_with(&topic, "g", options.clone()).await;
    let (mut one, mut two, mut three) = (consumer().await, consumer().await, consumer().await);
    let (oldest, second) = (delivery(&mut one).await, delivery(&mut one).await);
    world.assert_nothing_for(&mut one).await;
    let (third, fourth) = (delivery(&mut two).await, delivery(&mut two).await);
    // Four records are delivered, no matter to which consumers.
    world.assert_nothing_for(&mut three).await;
    for delivery in [second, third, fourth] {
        delivery.ack().await.unwrap();
    }
    world.assert_nothing_for(&mut three).await;
    oldest.ack().await.unwrap();
    assert_eq!(take(&mut three).await, "4");
    assert_eq!(take(&mut one).await, "5");
}

/// `lag` is the number of records that a group has not acknowledged, in whatever order it
/// acknowledges them.
pub async fn lag_counts_what_is_not_settled(world: World) {
    let topic = world.topic("lagging");
    assert_eq!(world.lag(&topic, "g").await, 0);
    world.append_numbers(&topic, 5).await;
    assert_eq!(world.lag(&topic, "g").await, 5);
    let mut consumer = world.consumer(&topic, "g").await;
    let (first, second) = (delivery(&mut consumer).await, delivery(&mut consumer).await);
    assert_eq!(world.lag(&topic, "g").await, 5);
    second.ack().await.unwrap();
    assert_eq!(world.lag(&topic, "g").await, 4);
    first.ack().await.unwrap();
    assert_eq!(world.lag(&topic, "g").await, 3);
    for _ in 0..3 {
        take(&mut consumer).await;
    }
    assert_eq!(world.lag(&topic, "g").await, 0);
    world.append(&topic, "x").await;
    assert_eq!(world.lag(&topic, "g").await, 1);
}
