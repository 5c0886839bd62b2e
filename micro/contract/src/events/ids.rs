//! What is appended again under its id.

use super::{record, text};
use crate::{Event, Events, Start};

fn event(id: &str) -> Event {
    Event::new(id.to_owned()).with_id(id)
}

async fn batch(events: &Events, topic: &str, ids: &[&str]) -> u64 {
    let batch = ids.iter().map(|id| event(id));
    events.append_batch(topic, batch).await.unwrap()
}

/// Whether these and no others stand in a topic, which ends there.
async fn stand(events: &Events, topic: &str, wanted: &[&str]) {
    let end = events.append_to(topic, "end").await.unwrap();
    let mut records = events.read(topic, Start::Earliest).await.unwrap();
    let mut found = Vec::new();
    loop {
        let record = record(&mut records).await;
        if record.offset == end {
            break;
        }
        found.push(text(&record));
    }
    assert_eq!(found, wanted);
}

pub(super) async fn one_id_is_appended_once(events: &Events) {
    let first = events.append_to("once", event("a")).await.unwrap();
    assert_eq!(
        events.append_to("once", event("b")).await.unwrap(),
        first + 1
    );
    assert_eq!(events.append_to("once", event("a")).await.unwrap(), first);
    // A batch is the same batch, and what is new of another is appended.
    for _ in 0..3 {
        assert_eq!(batch(events, "once", &["c", "d", "e"]).await, first + 2);
    }
    assert_eq!(
        batch(events, "once", &["e", "f", "f", "g"]).await,
        first + 4
    );
    assert_eq!(
        events.append_to("once", event("g")).await.unwrap(),
        first + 6
    );
    stand(events, "once", &["a", "b", "c", "d", "e", "f", "g"]).await;
    // Elsewhere it is another, and none is none.
    let other = batch(events, "once-more", &["a"]).await;
    for number in 1..3 {
        let empty = Event::new("x").with_id("");
        assert_eq!(
            events.append_to("once-more", empty).await.unwrap(),
            other + number
        );
    }
}

pub(super) async fn one_id_of_many_at_once_is_appended_once(events: &Events) {
    let tasks: Vec<_> = (0..16)
        .map(|_| {
            let events = events.clone();
            tokio::spawn(async move {
                let mut offsets = Vec::new();
                for id in ["a", "b", "c", "d"] {
                    offsets.push(events.append_to("at-once", event(id)).await.unwrap());
                }
                offsets
            })
        })
        .collect();
    let mut all = Vec::new();
    for task in tasks {
        all.push(task.await.unwrap());
    }
    assert!(all.iter().all(|offsets| *offsets == all[0]), "{all:?}");
    stand(events, "at-once", &["a", "b", "c", "d"]).await;
}

pub(super) async fn ids_outlive_a_restart(events: Events, open: impl Fn() -> Events) -> Events {
    let first = batch(&events, "ids-kept", &["a", "b", "c"]).await;
    events.close().await.unwrap();
    let events = open();
    assert_eq!(batch(&events, "ids-kept", &["b", "d"]).await, first + 1);
    assert_eq!(batch(&events, "ids-kept", &["d"]).await, first + 3);
    stand(&events, "ids-kept", &["a", "b", "c", "d"]).await;
    events.delete("ids-kept").await.unwrap();
    batch(&events, "ids-kept", &["b"]).await;
    stand(&events, "ids-kept", &["b"]).await;
    events
}
