//! Groups whose handlers do as they should.

use std::collections::BTreeSet;

use super::{consumer, delivery, nothing, numbers, take};
use crate::{Events, Options, Start};

pub(super) async fn each_group_gets_everything(events: &Events) {
    numbers(events, "shared", 5).await;
    let mut one = consumer(events, "shared", "one").await;
    let mut other = consumer(events, "shared", "other").await;
    for consumer in [&mut one, &mut other] {
        for number in 0..5_u32 {
            assert_eq!(take(consumer).await, number.to_string());
        }
        nothing(consumer).await;
    }
    events.append_to("shared", "late").await.unwrap();
    assert_eq!(take(&mut one).await, "late");
    assert_eq!(take(&mut other).await, "late");
}

pub(super) async fn consumers_share_their_group(events: &Events) {
    numbers(events, "work", 200).await;
    let mut consumers = Vec::new();
    for _ in 0..4 {
        consumers.push(consumer(&events.clone(), "work", "workers").await);
    }
    // Each has one before any is done.
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
    assert_eq!(events.lag("work", "workers").await.unwrap(), 0);
}

pub(super) async fn a_group_begins_where_it_says_and_goes_on_where_it_was(events: &Events) {
    let first = numbers(events, "begun", 4).await;
    let from = async |group: &str, start| {
        let options = Options::new().with_start(start);
        events.consume("begun", group, options).await.unwrap()
    };
    assert_eq!(take(&mut from("a", Start::Earliest).await).await, "0");
    let middle = Start::Offset(first + 2);
    assert_eq!(take(&mut from("b", middle).await).await, "2");
    let mut latest = from("c", Start::Latest).await;
    nothing(&mut latest).await;
    events.append_to("begun", "4").await.unwrap();
    assert_eq!(take(&mut latest).await, "4");
    drop(latest);
    // They are known now, and what is said counts no more.
    for (group, next) in [("a", "1"), ("b", "3")] {
        assert_eq!(take(&mut from(group, Start::Latest).await).await, next);
    }
    nothing(&mut from("c", Start::Earliest).await).await;
    // A group of a topic that is still to come.
    let mut early = consumer(events, "begun-later", "g").await;
    events.append_to("begun-later", "x").await.unwrap();
    assert_eq!(take(&mut early).await, "x");
}

pub(super) async fn bounds_hold(events: &Events) {
    numbers(events, "bounded", 10).await;
    let options = Options::new().with_in_flight(2).with_window(4);
    let consume = async || {
        let options = options.clone();
        events.consume("bounded", "g", options).await.unwrap()
    };
    let (mut one, mut two, mut three) = (consume().await, consume().await, consume().await);
    let (oldest, second) = (delivery(&mut one).await, delivery(&mut one).await);
    nothing(&mut one).await;
    let (third, fourth) = (delivery(&mut two).await, delivery(&mut two).await);
    // Four are begun, whoever has them.
    nothing(&mut three).await;
    for delivery in [second, third, fourth] {
        delivery.ack().await.unwrap();
    }
    nothing(&mut three).await;
    oldest.ack().await.unwrap();
    assert_eq!(take(&mut three).await, "4");
    assert_eq!(take(&mut one).await, "5");
}

pub(super) async fn lag_counts_what_is_not_settled(events: &Events) {
    assert_eq!(events.lag("lagging", "g").await.unwrap(), 0);
    numbers(events, "lagging", 5).await;
    assert_eq!(events.lag("lagging", "g").await.unwrap(), 5);
    let mut consumer = consumer(events, "lagging", "g").await;
    let (first, second) = (delivery(&mut consumer).await, delivery(&mut consumer).await);
    assert_eq!(events.lag("lagging", "g").await.unwrap(), 5);
    second.ack().await.unwrap();
    assert_eq!(events.lag("lagging", "g").await.unwrap(), 4);
    first.ack().await.unwrap();
    assert_eq!(events.lag("lagging", "g").await.unwrap(), 3);
    for _ in 0..3 {
        take(&mut consumer).await;
    }
    assert_eq!(events.lag("lagging", "g").await.unwrap(), 0);
    events.append_to("lagging", "x").await.unwrap();
    assert_eq!(events.lag("lagging", "g").await.unwrap(), 1);
}
