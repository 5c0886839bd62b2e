//! Cases of appending and reading.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use micro_events::{Event, Start};
use micro_message::error::ErrorKind;
use micro_message::metadata::Metadata;
use tokio::time::{sleep, timeout};

use super::{World, record, text};
use crate::DEADLINE;

/// Events appended alone and in batches get consecutive offsets and are read in this order.
pub async fn offsets_follow_each_other(world: World) {
    let topic = world.topic("counted");
    let first = world.append(&topic, "a").await;
    assert_eq!(world.append(&topic, "b").await, first + 1);
    assert_eq!(world.append_numbers(&topic, 3).await, first + 2);
    assert_eq!(world.append(&topic, "c").await, first + 5);
    let mut records = world.read(&topic, Start::Earliest).await;
    let mut before = SystemTime::UNIX_EPOCH;
    for (offset, payload) in (first..).zip(["a", "b", "0", "1", "2", "c"]) {
        let record = record(&mut records).await;
        assert_eq!((record.offset, &*text(&record)), (offset, payload));
        assert_eq!(&*record.topic, topic);
        assert!(record.time >= before);
        before = record.time;
    }
}

/// Payload, key, id, content type and metadata are read as they were appended, including empty
/// values, bytes that are not UTF-8, and a payload of 3 MiB.
pub async fn everything_of_an_event_survives(world: World) {
    let topic = world.topic("whole");
    let mut metadata = Metadata::new();
    metadata.append("tenant", "acme").unwrap();
    metadata.append("tenant", "other").unwrap();
    metadata.append("empty", "").unwrap();
    let full = Event::new(vec![0, 1, 255])
        .with_key("k")
        .with_id("7f")
        .with_content_type("application/x-own")
        .with_metadata(metadata);
    let empty_words = Event::new("x").with_key("").with_id("");
    let big = Event::new(vec![42; 3 << 20]);
    let all = [full, Event::default(), empty_words, big];
    for event in &all {
        world.append(&topic, event.clone()).await;
    }
    let mut records = world.read(&topic, Start::Earliest).await;
    for event in all {
        assert_eq!(record(&mut records).await.event, event);
    }
}

/// A reader can start at the earliest record, at any existing offset and at the next offset. A
/// greater offset fails with `OutOfRange`.
pub async fn reading_begins_where_it_says(world: World) {
    let topic = world.topic("starts");
    let first = world.append_numbers(&topic, 3).await;
    let mut earliest = world.read(&topic, Start::Earliest).await;
    assert_eq!(record(&mut earliest).await.offset, first);
    for offset in first..first + 3 {
        let mut records = world.read(&topic, Start::Offset(offset)).await;
        assert_eq!(record(&mut records).await.offset, offset);
    }
    let mut latest = world.read(&topic, Start::Latest).await;
    let mut next = world.read(&topic, Start::Offset(first + 3)).await;
    let beyond = world.events.read(&topic, Start::Offset(first + 4)).await;
    assert_eq!(beyond.unwrap_err().kind(), ErrorKind::OutOfRange);
    world.append(&topic, "new").await;
    for records in [&mut latest, &mut next] {
        let record = record(records).await;
        assert_eq!((record.offset, &*text(&record)), (first + 3, "new"));
    }
}

/// A reader can start at the first record with a time or later. Needs `time`.
pub async fn reading_begins_at_a_time(world: World) {
    if !world.can(world.capabilities().time, "begin to read at a time") {
        return;
    }
    let topic = world.topic("times");
    let mut records = world.read(&topic, Start::Earliest).await;
    world.append(&topic, "first").await;
    let first = record(&mut records).await;
    // The resolution of times may be as coarse as a clock tick.
    let later = async {
        loop {
            sleep(Duration::from_millis(1)).await;
            world.append(&topic, "tick").await;
            let tick = record(&mut records).await;
            if tick.time > first.time {
                return tick;
            }
        }
    };
    let later = timeout(DEADLINE, later).await.expect("time goes on");
    world.append(&topic, "last").await;
    let mut from_time = world.read(&topic, Start::Time(later.time)).await;
    assert_eq!(record(&mut from_time).await, later);
    let mut all = world
        .read(&topic, Start::Time(SystemTime::UNIX_EPOCH))
        .await;
    assert_eq!(record(&mut all).await, first);
}

/// A reader of a topic that does not exist yet receives each record when it is appended.
pub async fn a_reader_follows_the_end(world: World) {
    let topic = world.topic("followed");
    let mut records = world.read(&topic, Start::Latest).await;
    let (events, to) = (world.events.clone(), topic.clone());
    let append = tokio::spawn(async move {
        for number in 0..50_u32 {
            let event = number.to_string().into_bytes();
            events.append_to(&to, event).await.unwrap();
        }
    });
    for number in 0..50_u32 {
        assert_eq!(text(&record(&mut records).await), number.to_string());
    }
    append.await.unwrap();
}

/// With sixteen concurrent tasks, each event is stored at the offset that its append returned.
pub async fn appends_of_many_are_each_there_once(world: World) {
    let topic = world.topic("crowded");
    let tasks: Vec<_> = (0..16_u32)
        .map(|task| {
            let (events, topic) = (world.events.clone(), topic.clone());
            tokio::spawn(async move {
                let mut appended = Vec::new();
                for number in 0..20_u32 {
                    let payload = format!("{task}-{number}");
                    let event = payload.clone().into_bytes();
                    let offset = events.append_to(&topic, event).await.unwrap();
                    appended.push((offset, payload));
                }
                assert!(appended.is_sorted(), "{appended:?}");
                appended
            })
        })
        .collect();
    let mut appended = BTreeSet::new();
    for task in tasks {
        appended.extend(task.await.unwrap());
    }
    assert_eq!(appended.len(), 320);
    let mut records = world.read(&topic, Start::Earliest).await;
    for expected in appended {
        let record = record(&mut records).await;
        assert_eq!((record.offset, text(&record)), expected);
    }
}

/// Sixty topics, and two topics whose names differ only in case, are listed and keep their records
/// apart.
pub async fn topics_are_kept_apart(world: World) {
    let names = (0..60).map(|number| format!("T-{number}.a_b"));
    let names = names.chain(["case".to_owned(), "CASE".to_owned()]);
    let names: BTreeSet<String> = names.map(|name| world.topic(&name)).collect();
    for name in &names {
        world.append(name, name.clone().into_bytes()).await;
    }
    assert_eq!(BTreeSet::from_iter(world.topics().await), names);
    for name in &names {
        let mut records = world.read(name, Start::Earliest).await;
        assert_eq!(text(&record(&mut records).await), *name);
    }
}
