//! Groups whose handlers fail, sleep, or are gone.

use std::time::Duration;

use super::{delivery, nothing, numbers, record, take, text};
use crate::{Event, Events, Options, Start};
use micro_message::error::ErrorKind;

/// So short that a test need not wait long; long enough for a verdict on most machines. Where a
/// verdict that comes too late would matter, none is given.
const SHORT: Duration = Duration::from_millis(100);

pub(super) async fn what_is_not_settled_comes_again(events: &Events) {
    numbers(events, "again", 1).await;
    let mut one = events.consume("again", "g", Options::new()).await.unwrap();
    drop(delivery(&mut one).await);
    let second = delivery(&mut one).await;
    assert_eq!((second.attempt(), &*text(second.record())), (2, "0"));
    second.nack(Duration::ZERO).await.unwrap();
    let third = delivery(&mut one).await;
    assert_eq!(third.attempt(), 3);
    third.nack(SHORT).await.unwrap();
    let fourth = delivery(&mut one).await;
    assert_eq!(fourth.attempt(), 4);
    // Another consumer gets what the first one sleeps on.
    fourth.nack(Duration::ZERO).await.unwrap();
    let options = Options::new().with_ack_wait(SHORT);
    let mut sleepy = events.consume("again", "g", options).await.unwrap();
    let kept = delivery(&mut sleepy).await;
    assert_eq!(kept.attempt(), 5);
    let last = delivery(&mut one).await;
    assert_eq!(last.attempt(), 6);
    last.ack().await.unwrap();
    drop(kept);
    nothing(&mut one).await;
    assert_eq!(events.lag("again", "g").await.unwrap(), 0);
}

pub(super) async fn a_late_ack_counts_and_a_late_nack_does_not(events: &Events) {
    numbers(events, "late", 2).await;
    let options = Options::new().with_ack_wait(SHORT).with_retries(1000);
    let mut sleepy = events.consume("late", "g", options).await.unwrap();
    let mut other = events.consume("late", "g", Options::new()).await.unwrap();
    let old = delivery(&mut sleepy).await;
    let next = delivery(&mut other).await;
    assert_eq!(next.record().offset, old.record().offset + 1);
    next.ack().await.unwrap();
    let new = delivery(&mut other).await;
    assert_eq!(new.record().offset, old.record().offset);
    assert_eq!(new.attempt(), 2);
    assert!(old.extend().await.is_err());
    old.ack().await.unwrap();
    assert_eq!(events.lag("late", "g").await.unwrap(), 0);
    new.ack().await.unwrap();

    numbers(events, "late", 1).await;
    let old = delivery(&mut sleepy).await;
    let new = delivery(&mut other).await;
    let error = old.nack(Duration::ZERO).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::FailedPrecondition);
    new.ack().await.unwrap();
    nothing(&mut other).await;
}

pub(super) async fn poison_goes_to_the_dead_letters_and_the_rest_flows(events: &Events) {
    for payload in ["poison", "good", "bad", "fine"] {
        let event = Event::new(payload).with_key(payload).with_id(payload);
        events.append_to("mixed", event).await.unwrap();
    }
    let options = Options::new().with_retries(2);
    let mut consumer = events.consume("mixed", "g", options).await.unwrap();
    let mut tries = Vec::new();
    let mut done = Vec::new();
    while done.len() < 3 {
        let delivery = delivery(&mut consumer).await;
        match &*text(delivery.record()) {
            "poison" => {
                tries.push(delivery.attempt());
                // Refused or lost: both count.
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
    nothing(&mut consumer).await;
    assert_eq!(tries, [1, 2, 3]);
    assert_eq!(events.lag("mixed", "g").await.unwrap(), 0);
    let mut dead = events.read("mixed.dead", Start::Earliest).await.unwrap();
    let mut letters = [record(&mut dead).await, record(&mut dead).await];
    letters.sort_by_key(text);
    let told = |letter: usize, key: &str| {
        let metadata = &letters[letter].event.metadata;
        metadata.get(key).unwrap_or_default().to_owned()
    };
    assert_eq!(letters.each_ref().map(text), ["bad", "poison"]);
    assert_eq!(letters[0].event.key.as_deref(), Some("bad"));
    assert_eq!(letters[0].event.id.as_deref(), Some("bad"));
    assert_eq!(told(0, "dead-reason"), "cannot be read: \\u{fc}");
    assert_eq!(told(0, "dead-attempts"), "1");
    assert_eq!(told(1, "dead-attempts"), "3");
    assert_eq!(
        (told(1, "dead-topic"), told(1, "dead-group")),
        ("mixed".into(), "g".into())
    );
    assert_ne!(told(1, "dead-offset"), told(0, "dead-offset"));
    elsewhere(events).await;
}

/// Dead letters go where they are told to, and are events like others.
async fn elsewhere(events: &Events) {
    let options = Options::new().with_dead_letter("graveyard").with_retries(0);
    let mut consumer = events.consume("mixed", "other", options).await.unwrap();
    delivery(&mut consumer)
        .await
        .nack(Duration::ZERO)
        .await
        .unwrap();
    let mut graves = events
        .consume("graveyard", "g", Options::new())
        .await
        .unwrap();
    assert_eq!(take(&mut graves).await, "poison");
}

/// Each group has its own reasons, so there is a dead letter of each, whatever its id.
pub(super) async fn each_group_has_its_dead_letter(events: &Events) {
    let event = Event::new("poison").with_id("7");
    events.append_to("shared", event).await.unwrap();
    for group in ["one", "two"] {
        let mut consumer = events
            .consume("shared", group, Options::new())
            .await
            .unwrap();
        let delivery = delivery(&mut consumer).await;
        delivery.dead_letter("poison").await.unwrap();
    }
    let mut dead = events.read("shared.dead", Start::Earliest).await.unwrap();
    for group in ["one", "two"] {
        let letter = record(&mut dead).await;
        assert_eq!(letter.event.metadata.get("dead-group"), Some(group));
    }
}
