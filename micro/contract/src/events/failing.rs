//! Cases of consumer groups whose handlers fail, are too slow, or disappear.

use std::time::Duration;

use micro_events::{Event, Options, Start};
use micro_message::error::ErrorKind;

use super::{SHORT, World, delivery, record, take, text};

/// A delivery that is dropped, nacked, or held for longer than `ack_wait` is delivered again.
pub async fn what_is_not_settled_comes_again(world: World) {
    let topic = world.topic("again");
    world.append_numbers(&topic, 1).await;
    let mut one = world.consumer(&topic, "g").await;
    drop(delivery(&mut one).await);
    let second = delivery(&mut one).await;
    assert_eq!((second.attempt(), &*text(second.record())), (2, "0"));
    second.nack(Duration::ZERO).await.unwrap();
    let third = delivery(&mut one).await;
    assert_eq!(third.attempt(), 3);
    third.nack(SHORT).await.unwrap();
    let fourth = delivery(&mut one).await;
    assert_eq!(fourth.attempt(), 4);
    fourth.nack(Duration::ZERO).await.unwrap();
    // Another consumer receives the record that the first one holds for too long.
    let options = Options::new().with_ack_wait(SHORT);
    let mut sleepy = world.consumer_with(&topic, "g", options).await;
    let kept = delivery(&mut sleepy).await;
    assert_eq!(kept.attempt(), 5);
    let last = delivery(&mut one).await;
    assert_eq!(last.attempt(), 6);
    last.ack().await.unwrap();
    drop(kept);
    world.assert_nothing_but_a_marker(&topic, &mut one).await;
    assert_eq!(world.lag(&topic, "g").await, 0);
}

/// An `ack` after `ack_wait` is valid. A `nack` or `extend` after `ack_wait` fails, and the
/// delivery to another consumer remains valid.
pub async fn a_late_ack_counts_and_a_late_nack_does_not(world: World) {
    let topic = world.topic("late");
    world.append_numbers(&topic, 1).await;
    let options = Options::new().with_ack_wait(SHORT).with_retries(1000);
    let mut sleepy = world.consumer_with(&topic, "g", options).await;
    let mut other = world.consumer(&topic, "g").await;
    let old = delivery(&mut sleepy).await;
    let new = delivery(&mut other).await;
    assert_eq!(new.record().offset, old.record().offset);
    assert_eq!(new.attempt(), 2);
    let error = old.extend().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::FailedPrecondition, "{error}");
    old.ack().await.unwrap();
    assert_eq!(world.lag(&topic, "g").await, 0);
    new.ack().await.unwrap();

    world.append_numbers(&topic, 1).await;
    let old = delivery(&mut sleepy).await;
    let new = delivery(&mut other).await;
    let error = old.nack(Duration::ZERO).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::FailedPrecondition, "{error}");
    assert_eq!(world.lag(&topic, "g").await, 1);
    new.ack().await.unwrap();
    world.assert_nothing_but_a_marker(&topic, &mut other).await;
}

/// A record that exceeds `retries` and a record that is explicitly dead-lettered become dead
/// letters with the reason. The other records are delivered.
pub async fn poison_goes_to_the_dead_letters_and_the_rest_flows(world: World) {
    let topic = world.topic("mixed");
    for payload in ["poison", "good", "bad", "fine"] {
        let event = Event::new(payload).with_key(payload).with_id(payload);
        world.append(&topic, event).await;
    }
    let options = Options::new().with_retries(2);
    let mut consumer = world.consumer_with(&topic, "g", options).await;
    let mut tries = Vec::new();
    let mut done = Vec::new();
    while done.len() < 3 {
        let delivery = delivery(&mut consumer).await;
        match &*text(delivery.record()) {
            "poison" => {
                tries.push(delivery.attempt());
                // A nacked and a dropped delivery both count as attempts.
                if tries.len().is_multiple_of(2) {
                    drop(delivery);
                } else {
                    delivery.nack(Duration::ZERO).await.unwrap();
                }
            }
            "bad" => {
                delivery.dead_letter("cannot be read: ü").await.unwrap();
                done.push("bad".to_owned());
            }
            payload => {
                done.push(payload.to_owned());
                delivery.ack().await.unwrap();
            }
        }
    }
    // The call for the next delivery also appends pending dead letters.
    let letters = async {
        let mut dead = world.read(&format!("{topic}.dead"), Start::Earliest).await;
        [record(&mut dead).await, record(&mut dead).await]
    };
    let mut letters = tokio::select! {
        next = consumer.next() => panic!("{next:?} was delivered"),
        letters = letters => letters,
    };
    world
        .assert_nothing_but_a_marker(&topic, &mut consumer)
        .await;
    assert_eq!(tries, [1, 2, 3]);
    assert_eq!(world.lag(&topic, "g").await, 0);
    letters.sort_by_key(text);
    let metadata = |letter: usize, key: &str| {
        let metadata = &letters[letter].event.metadata;
        metadata.get(key).unwrap_or_default().to_owned()
    };
    assert_eq!(letters.each_ref().map(text), ["bad", "poison"]);
    assert_eq!(letters[0].event.key.as_deref(), Some("bad"));
    assert_eq!(letters[0].event.id.as_deref(), Some("bad"));
    assert_eq!(metadata(0, "dead-reason"), "cannot be read: \\u{fc}");
    assert_eq!(metadata(0, "dead-attempts"), "1");
    assert_eq!(metadata(1, "dead-attempts"), "3");
    assert_eq!(metadata(1, "dead-topic"), topic);
    assert_eq!(metadata(1, "dead-group"), "g");
    assert_ne!(metadata(1, "dead-offset"), metadata(0, "dead-offset"));
}

/// Dead letters are appended to the topic in the options and can be consumed like other events.
pub async fn dead_letters_go_where_the_options_say(world: World) {
    let (topic, graveyard) = (world.topic("sent"), world.topic("graveyard"));
    world.append(&topic, "poison").await;
    let options = Options::new().with_dead_letter(&graveyard).with_retries(0);
    let mut consumer = world.consumer_with(&topic, "g", options).await;
    let refused = delivery(&mut consumer).await;
    refused.nack(Duration::ZERO).await.unwrap();
    let mut graves = world.consumer(&graveyard, "g").await;
    let letter = async { take(&mut graves).await };
    tokio::select! {
        next = consumer.next() => panic!("{next:?} was delivered"),
        letter = letter => assert_eq!(letter, "poison"),
    }
}

/// Each group appends its own dead letter of an event, even if the event has an id.
pub async fn each_group_has_its_dead_letter(world: World) {
    let topic = world.topic("shared");
    world
        .append(&topic, Event::new("poison").with_id("7"))
        .await;
    for group in ["one", "two"] {
        let mut consumer = world.consumer(&topic, group).await;
        let delivery = delivery(&mut consumer).await;
        delivery.dead_letter("poison").await.unwrap();
    }
    let mut dead = world.read(&format!("{topic}.dead"), Start::Earliest).await;
    for group in ["one", "two"] {
        let letter = record(&mut dead).await;
        assert_eq!(letter.event.metadata.get("dead-group"), Some(group));
    }
}
