//! What is removed, closed, opened again.

use std::time::Duration;

use tokio::time::timeout;

use super::{PATIENCE, consumer, delivery, nothing, numbers, record, take, text};
use crate::{Event, Events, Options, Start, Trim};
use micro_message::error::ErrorKind;

pub(super) async fn trimmed_is_gone_and_the_rest_stays(events: &Events) {
    let first = numbers(events, "trimmed", 1).await;
    let mut slow = consumer(events, "trimmed", "slow").await;
    let mut old = events.read("trimmed", Start::Earliest).await.unwrap();
    for number in 1..30_u32 {
        let event = number.to_string().into_bytes();
        events.append_to("trimmed", event).await.unwrap();
    }
    events
        .trim("trimmed", Trim::Before(first + 20))
        .await
        .unwrap();
    let mut records = events.read("trimmed", Start::Earliest).await.unwrap();
    let earliest = record(&mut records).await.offset;
    assert!(earliest <= first + 20, "{earliest} is more than asked");
    let mut records = events
        .read("trimmed", Start::Offset(first + 20))
        .await
        .unwrap();
    for number in 20..30_u32 {
        assert_eq!(text(&record(&mut records).await), number.to_string());
    }
    // All: every backend keeps nothing apart for that.
    events
        .trim("trimmed", Trim::Before(first + 30))
        .await
        .unwrap();
    let gone = events
        .read("trimmed", Start::Offset(first))
        .await
        .unwrap_err();
    assert_eq!(gone.kind(), ErrorKind::OutOfRange, "{gone}");
    let next = loop {
        match timeout(PATIENCE, old.next()).await.unwrap() {
            // What had been fetched may still come.
            Some(Ok(_)) => {}
            ended => break ended,
        }
    };
    assert_eq!(next.unwrap().unwrap_err().kind(), ErrorKind::OutOfRange);
    assert!(old.next().await.is_none());
    assert_eq!(
        events.append_to("trimmed", "new").await.unwrap(),
        first + 30
    );
    assert_eq!(take(&mut slow).await, "new");
    assert_eq!(events.lag("trimmed", "slow").await.unwrap(), 0);
    events.trim("unknown", Trim::Bytes(1)).await.unwrap();
    events
        .trim("trimmed", Trim::Age(Duration::from_secs(3600)))
        .await
        .unwrap();
    let mut records = events.read("trimmed", Start::Earliest).await.unwrap();
    assert_eq!(text(&record(&mut records).await), "new");
}

pub(super) async fn deleted_begins_anew(events: &Events) {
    let first = numbers(events, "deleted", 3).await;
    let mut records = events.read("deleted", Start::Latest).await.unwrap();
    let mut old = consumer(events, "deleted", "g").await;
    let held = delivery(&mut old).await;
    events.delete("deleted").await.unwrap();
    events.delete("unknown").await.unwrap();
    let end = timeout(PATIENCE, records.next()).await.unwrap();
    assert_eq!(end.unwrap().unwrap_err().kind(), ErrorKind::Aborted);
    assert!(timeout(PATIENCE, old.next()).await.unwrap().is_none());
    assert!(
        !events
            .topics()
            .await
            .unwrap()
            .contains(&"deleted".to_owned())
    );
    let mut new = consumer(events, "deleted", "g").await;
    events.append_to("deleted", "anew").await.unwrap();
    // A verdict on what is gone settles nothing of what has come in its place.
    assert!(held.ack().await.is_err());
    let delivery = delivery(&mut new).await;
    assert_eq!(
        (delivery.record().offset, &*text(delivery.record())),
        (first, "anew")
    );
    delivery.ack().await.unwrap();
}

pub(super) async fn a_close_ends_everything(events: Events, open: impl Fn() -> Events) -> Events {
    numbers(&events, "closed", 1).await;
    let mut records = events.read("closed", Start::Latest).await.unwrap();
    let mut waiting = consumer(&events, "closed", "g").await;
    let held = delivery(&mut waiting).await;
    events.close().await.unwrap();
    events.clone().close().await.unwrap();
    let end = timeout(PATIENCE, records.next()).await.unwrap();
    assert_eq!(end.unwrap().unwrap_err().kind(), ErrorKind::Unavailable);
    let end = timeout(PATIENCE, waiting.next()).await.unwrap();
    assert!(end.is_none_or(|end| end.is_err()));
    assert!(held.ack().await.is_err());
    let error = events.append_to("closed", "x").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    assert!(events.topics().await.is_err());
    open()
}

pub(super) async fn a_restart_keeps_everything(events: Events, open: impl Fn() -> Events) {
    let batch = (0..10).map(|number| Event::new(number.to_string()).with_key("k"));
    let first = events.append_batch("kept", batch).await.unwrap();
    numbers(&events, "kept-alone", 6).await;
    let mut keyed = consumer(&events, "kept", "g").await;
    for number in 0..4_u32 {
        assert_eq!(take(&mut keyed).await, number.to_string());
    }
    delivery(&mut keyed)
        .await
        .nack(Duration::ZERO)
        .await
        .unwrap();
    let mut alone = consumer(&events, "kept-alone", "g").await;
    for number in 0..6_u32 {
        let delivery = delivery(&mut alone).await;
        if number % 2 == 1 {
            delivery.ack().await.unwrap();
        } else {
            std::mem::forget(delivery);
        }
    }
    let topics = events.topics().await.unwrap();
    events.close().await.unwrap();

    let events = open();
    assert_eq!(events.topics().await.unwrap(), topics);
    assert_eq!(events.lag("kept", "g").await.unwrap(), 6);
    assert_eq!(events.lag("kept-alone", "g").await.unwrap(), 3);
    let mut records = events.read("kept", Start::Earliest).await.unwrap();
    for number in 0..10_u64 {
        let record = record(&mut records).await;
        assert_eq!(
            (record.offset, text(&record)),
            (first + number, number.to_string())
        );
    }
    let options = Options::new().with_start(Start::Latest);
    let mut keyed = events.consume("kept", "g", options).await.unwrap();
    let again = delivery(&mut keyed).await;
    assert_eq!((again.attempt(), &*text(again.record())), (2, "4"));
    again.ack().await.unwrap();
    let mut alone = consumer(&events, "kept-alone", "g").await;
    for number in [0, 2, 4] {
        assert_eq!(take(&mut alone).await, number.to_string());
    }
    nothing(&mut alone).await;
    assert_eq!(events.append_to("kept", "10").await.unwrap(), first + 10);
    events.close().await.unwrap();
}
