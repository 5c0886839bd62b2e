//! Cases that trim, delete, close and reopen.

use std::time::{Duration, SystemTime};

use micro_events::{Event, Options, Start, Trim};
use micro_message::error::{ErrorKind, Result};
use tokio::time::timeout;

use super::{World, delivery, record, take, text};
use crate::DEADLINE;

/// Trimmed records cannot be read, the other records can, offsets continue, and a group skips the
/// trimmed records. Needs `trim`.
pub async fn trimmed_is_gone_and_the_rest_stays(world: World) {
    if !world.can(world.capabilities().trim, "trim topics") {
        return;
    }
    let topic = world.topic("trimmed");
    let trim = async |trim| world.events.trim(&topic, trim).await.unwrap();
    let first = world.append_numbers(&topic, 1).await;
    let mut slow = world.consumer(&topic, "slow").await;
    let mut old = world.read(&topic, Start::Earliest).await;
    for number in 1..30_u32 {
        world.append(&topic, number.to_string().into_bytes()).await;
    }
    trim(Trim::Before(first + 20)).await;
    let mut records = world.read(&topic, Start::Earliest).await;
    let earliest = record(&mut records).await.offset;
    assert!(earliest <= first + 20, "{earliest} is more than asked");
    let mut records = world.read(&topic, Start::Offset(first + 20)).await;
    for number in 20..30_u32 {
        assert_eq!(text(&record(&mut records).await), number.to_string());
    }
    // A backend may keep more records than requested, but it keeps none of a topic that is trimmed
    // completely.
    trim(Trim::Before(first + 30)).await;
    let gone = world.events.read(&topic, Start::Offset(first)).await;
    assert_eq!(gone.unwrap_err().kind(), ErrorKind::OutOfRange);
    let ended = loop {
        match timeout(DEADLINE, old.next()).await.expect("an end in time") {
            // Records that were fetched before may still be returned.
            Some(Ok(_)) => {}
            ended => break ended,
        }
    };
    assert_eq!(ended.unwrap().unwrap_err().kind(), ErrorKind::OutOfRange);
    assert!(old.next().await.is_none());
    assert_eq!(world.append(&topic, "new").await, first + 30);
    assert_eq!(take(&mut slow).await, "new");
    assert_eq!(world.lag(&topic, "slow").await, 0);
    world
        .events
        .trim(&world.topic("unknown"), Trim::Bytes(1))
        .await
        .unwrap();
    trim(Trim::Age(Duration::from_secs(3600))).await;
    let mut records = world.read(&topic, Start::Earliest).await;
    assert_eq!(text(&record(&mut records).await), "new");
}

/// A deleted topic is not listed, and its readers and consumers end. If it is created again, it
/// starts empty and without groups. Needs `delete`.
pub async fn a_deleted_topic_begins_anew(world: World) {
    if !world.can(world.capabilities().delete, "delete topics") {
        return;
    }
    let topic = world.topic("deleted");
    let first = world.append_numbers(&topic, 3).await;
    let mut records = world.read(&topic, Start::Latest).await;
    let mut old = world.consumer(&topic, "g").await;
    let held = delivery(&mut old).await;
    world.events.delete(&topic).await.unwrap();
    world.events.delete(&world.topic("unknown")).await.unwrap();
    let end = timeout(DEADLINE, records.next())
        .await
        .expect("an end in time");
    assert_eq!(end.unwrap().unwrap_err().kind(), ErrorKind::Aborted);
    let end = timeout(DEADLINE, old.next()).await.expect("an end in time");
    assert!(end.is_none(), "{end:?}");
    assert!(!world.topics().await.contains(&topic));
    let mut new = world.consumer(&topic, "g").await;
    world.append(&topic, "anew").await;
    // An ack for a deleted topic must not acknowledge a record of its successor.
    assert!(held.ack().await.is_err());
    let delivery = delivery(&mut new).await;
    assert_eq!(delivery.record().offset, first);
    assert_eq!(text(delivery.record()), "anew");
    delivery.ack().await.unwrap();
}

/// `close` ends readers and consumers. Later acks and other operations fail.
pub async fn a_close_ends_everything(world: World) {
    let topic = world.topic("closed");
    world.append_numbers(&topic, 1).await;
    let mut records = world.read(&topic, Start::Latest).await;
    let mut waiting = world.consumer(&topic, "g").await;
    let held = delivery(&mut waiting).await;
    let events = &world.events;
    events.close().await.unwrap();
    events.clone().close().await.unwrap();
    let end = timeout(DEADLINE, records.next())
        .await
        .expect("an end in time");
    assert_eq!(end.unwrap().unwrap_err().kind(), ErrorKind::Unavailable);
    let end = timeout(DEADLINE, waiting.next())
        .await
        .expect("an end in time");
    assert!(end.as_ref().is_none_or(Result::is_err), "{end:?}");
    assert!(held.ack().await.is_err());
    let error = events.append_to(&topic, "x").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    assert!(events.topics().await.is_err());
}

/// Topics, records, and the acknowledged records and attempts of groups survive a restart. Needs
/// `durable`.
pub async fn a_restart_keeps_everything(mut world: World) {
    if !world.can(world.capabilities().durable, "keep events after a restart") {
        return;
    }
    let (kept, alone) = (world.topic("kept"), world.topic("kept-alone"));
    let batch = (0..10).map(|number| Event::new(number.to_string()).with_key("k"));
    let first = world.events.append_batch(&kept, batch).await.unwrap();
    world.append_numbers(&alone, 6).await;
    let mut keyed = world.consumer(&kept, "g").await;
    for number in 0..4_u32 {
        assert_eq!(take(&mut keyed).await, number.to_string());
    }
    let refused = delivery(&mut keyed).await;
    refused.nack(Duration::ZERO).await.unwrap();
    let mut unkeyed = world.consumer(&alone, "g").await;
    let mut held = Vec::new();
    for number in 0..6_u32 {
        let delivery = delivery(&mut unkeyed).await;
        if number % 2 == 1 {
            delivery.ack().await.unwrap();
        } else {
            held.push(delivery);
        }
    }
    let topics = world.topics().await;
    world.reopen().await;
    // Deliveries held when the log was closed are not acknowledged, even if they are acked now.
    drop((held, keyed, unkeyed));

    assert_eq!(world.topics().await, topics);
    assert_eq!(world.lag(&kept, "g").await, 6);
    assert_eq!(world.lag(&alone, "g").await, 3);
    let mut records = world.read(&kept, Start::Earliest).await;
    for number in 0..10_u64 {
        let record = record(&mut records).await;
        assert_eq!(
            (record.offset, text(&record)),
            (first + number, number.to_string())
        );
    }
    let options = Options::new().with_start(Start::Latest);
    let mut keyed = world.consumer_with(&kept, "g", options).await;
    let again = delivery(&mut keyed).await;
    assert_eq!((again.attempt(), &*text(again.record())), (2, "4"));
    again.ack().await.unwrap();
    let mut unkeyed = world.consumer(&alone, "g").await;
    for number in [0, 2, 4] {
        assert_eq!(take(&mut unkeyed).await, number.to_string());
    }
    world
        .assert_nothing_but_a_marker(&alone, &mut unkeyed)
        .await;
    assert_eq!(world.append(&kept, "10").await, first + 10);
    world.events.close().await.unwrap();
}

/// Reading from a time, trimming and deleting fail with `Unimplemented` if the backend does not
/// have the capabilities `time`, `trim` and `delete`.
pub async fn what_it_cannot_is_unimplemented(world: World) {
    let (can, topic) = (world.capabilities(), world.topic("limits"));
    world.append_numbers(&topic, 1).await;
    let refused = |claimed: bool, result: Result<()>| {
        if !claimed {
            assert_eq!(result.unwrap_err().kind(), ErrorKind::Unimplemented);
        }
    };
    let read = world
        .events
        .read(&topic, Start::Time(SystemTime::UNIX_EPOCH));
    refused(can.time, read.await.map(drop));
    refused(
        can.trim,
        world.events.trim(&topic, Trim::Bytes(1 << 20)).await,
    );
    refused(can.delete, world.events.delete(&topic).await);
}
