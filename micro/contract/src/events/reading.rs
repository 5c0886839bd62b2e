//! Appending and reading.

use std::collections::BTreeSet;
use std::time::SystemTime;

use super::{numbers, record, text};
use crate::{Event, Events, Start};
use micro_message::error::ErrorKind;
use micro_message::metadata::Metadata;

pub(super) async fn offsets_follow_each_other(events: &Events) {
    let first = events.append_to("counted", "a").await.unwrap();
    assert_eq!(events.append_to("counted", "b").await.unwrap(), first + 1);
    assert_eq!(numbers(events, "counted", 3).await, first + 2);
    assert_eq!(events.append_to("counted", "c").await.unwrap(), first + 5);
    let mut records = events.read("counted", Start::Earliest).await.unwrap();
    let mut before = SystemTime::UNIX_EPOCH;
    for (offset, payload) in (first..).zip(["a", "b", "0", "1", "2", "c"]) {
        let record = record(&mut records).await;
        assert_eq!((record.offset, &*text(&record)), (offset, payload));
        assert_eq!(&*record.topic, "counted");
        assert!(record.time >= before);
        before = record.time;
    }
}

pub(super) async fn everything_of_an_event_survives(events: &Events) {
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
        events.append_to("whole", event.clone()).await.unwrap();
    }
    let mut records = events.read("whole", Start::Earliest).await.unwrap();
    for event in all {
        assert_eq!(record(&mut records).await.event, event);
    }
}

pub(super) async fn each_start_begins_where_it_says(events: &Events) {
    let first = numbers(events, "starts", 2).await;
    let time = loop {
        // Times may be as coarse as a clock's tick.
        let now = SystemTime::now();
        events.append_to("starts", "tick").await.unwrap();
        let mut records = events.read("starts", Start::Earliest).await.unwrap();
        if record(&mut records).await.time < now {
            break now;
        }
    };
    let last = events.append_to("starts", "last").await.unwrap();
    let read = async |start| events.read("starts", start).await.unwrap();
    let found = record(&mut read(Start::Earliest).await).await.offset;
    assert_eq!(found, first);
    for offset in [first, first + 1, last] {
        let found = record(&mut read(Start::Offset(offset)).await).await;
        assert_eq!(found.offset, offset);
    }
    if events.capabilities().time {
        let found = record(&mut read(Start::Time(time)).await).await;
        assert!(found.time >= time && found.offset > first, "{found:?}");
        let mut records = read(Start::Offset(found.offset - 1)).await;
        assert!(record(&mut records).await.time < time);
        let all = record(&mut read(Start::Time(SystemTime::UNIX_EPOCH)).await).await;
        assert_eq!(all.offset, first);
    }
    let mut latest = read(Start::Latest).await;
    let mut next = read(Start::Offset(last + 1)).await;
    let beyond = events.read("starts", Start::Offset(last + 2)).await;
    assert_eq!(beyond.unwrap_err().kind(), ErrorKind::OutOfRange);
    events.append_to("starts", "new").await.unwrap();
    assert_eq!(record(&mut latest).await.offset, last + 1);
    assert_eq!(text(&record(&mut next).await), "new");
}

pub(super) async fn a_reader_follows_the_end(events: &Events) {
    // There is no topic yet.
    let mut records = events.read("followed", Start::Latest).await.unwrap();
    let appending = events.clone();
    let append = tokio::spawn(async move {
        for number in 0..50_u32 {
            let event = number.to_string().into_bytes();
            appending.append_to("followed", event).await.unwrap();
        }
    });
    for number in 0..50_u32 {
        assert_eq!(text(&record(&mut records).await), number.to_string());
    }
    append.await.unwrap();
}

pub(super) async fn appends_of_many_are_each_there_once(events: &Events) {
    let tasks: Vec<_> = (0..16_u32)
        .map(|task| {
            let events = events.clone();
            tokio::spawn(async move {
                let mut offsets = Vec::new();
                for number in 0..20_u32 {
                    let event = format!("{task}-{number}").into_bytes();
                    offsets.push(events.append_to("crowded", event).await.unwrap());
                }
                assert!(offsets.is_sorted(), "{offsets:?}");
                offsets
            })
        })
        .collect();
    let mut offsets = BTreeSet::new();
    for task in tasks {
        offsets.extend(task.await.unwrap());
    }
    assert_eq!(offsets.len(), 320);
    let mut records = events.read("crowded", Start::Earliest).await.unwrap();
    let mut payloads = BTreeSet::new();
    for offset in offsets {
        let record = record(&mut records).await;
        assert_eq!(record.offset, offset);
        assert!(payloads.insert(text(&record)), "{record:?} comes twice");
    }
}

pub(super) async fn many_topics_are_kept_apart(events: &Events) {
    let names: Vec<String> = (0..60)
        .map(|number| format!("many.T-{number}.a_b"))
        .chain(["many.case".to_owned(), "many.CASE".to_owned()])
        .collect();
    for name in &names {
        let event = name.clone().into_bytes();
        events.append_to(name, event).await.unwrap();
    }
    let listed = events.topics().await.unwrap();
    let listed: BTreeSet<_> = listed
        .into_iter()
        .filter(|n| n.starts_with("many."))
        .collect();
    assert_eq!(listed, names.iter().cloned().collect());
    for name in &names {
        let mut records = events.read(name, Start::Earliest).await.unwrap();
        assert_eq!(text(&record(&mut records).await), *name);
    }
}
