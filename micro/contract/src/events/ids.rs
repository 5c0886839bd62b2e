//! Cases of events that are appended again with the same id.

use micro_events::{Event, Start};

use super::{World, record, text};

fn event(id: &str) -> Event {
    Event::new(id.to_owned()).with_id(id)
}

async fn append_batch(world: &World, topic: &str, ids: &[&str]) -> u64 {
    let batch = ids.iter().map(|id| event(id));
    world.events.append_batch(topic, batch).await.unwrap()
}

/// Asserts that a topic contains exactly these events.
async fn assert_holds(world: &World, topic: &str, expected: &[&str]) {
    let end = world.append(topic, "end").await;
    let mut records = world.read(topic, Start::Earliest).await;
    let mut found = Vec::new();
    loop {
        let record = record(&mut records).await;
        if record.offset == end {
            break;
        }
        found.push(text(&record));
    }
    assert_eq!(found, expected);
}

fn can_remember(world: &World) -> bool {
    world.can(world.capabilities().remembers, "remember ids")
}

/// An event whose id is already in the topic is not appended again, alone or in a batch, and the
/// append returns the original offset. An empty id counts as absent. Needs `remembers`.
pub async fn one_id_is_appended_once(world: World) {
    if !can_remember(&world) {
        return;
    }
    let topic = world.topic("once");
    let first = world.append(&topic, event("a")).await;
    assert_eq!(world.append(&topic, event("b")).await, first + 1);
    assert_eq!(world.append(&topic, event("a")).await, first);
    // A repeated batch has no effect. New events of another batch are appended.
    for _ in 0..3 {
        let batch = append_batch(&world, &topic, &["c", "d", "e"]);
        assert_eq!(batch.await, first + 2);
    }
    let batch = append_batch(&world, &topic, &["e", "f", "f", "g"]);
    assert_eq!(batch.await, first + 4);
    assert_eq!(world.append(&topic, event("g")).await, first + 6);
    assert_holds(&world, &topic, &["a", "b", "c", "d", "e", "f", "g"]).await;
    // In another topic, the id identifies another event.
    let topic = world.topic("once-more");
    let other = append_batch(&world, &topic, &["a"]).await;
    for number in 1..3 {
        let empty = Event::new("x").with_id("");
        assert_eq!(world.append(&topic, empty).await, other + number);
    }
}

/// Sixteen tasks append the same four ids concurrently. Each id is stored once. Needs `remembers`.
pub async fn one_id_of_many_at_once_is_appended_once(world: World) {
    if !can_remember(&world) {
        return;
    }
    let topic = world.topic("at-once");
    let tasks: Vec<_> = (0..16)
        .map(|_| {
            let (events, topic) = (world.events.clone(), topic.clone());
            tokio::spawn(async move {
                let mut offsets = Vec::new();
                for id in ["a", "b", "c", "d"] {
                    offsets.push(events.append_to(&topic, event(id)).await.unwrap());
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
    assert_holds(&world, &topic, &["a", "b", "c", "d"]).await;
}

/// Ids are remembered after a restart, until the topic is deleted. Needs `durable` and `remembers`.
pub async fn ids_outlive_a_restart(mut world: World) {
    let durable = world.capabilities().durable;
    if !can_remember(&world) || !world.can(durable, "keep events after a restart") {
        return;
    }
    let topic = world.topic("ids-kept");
    let first = append_batch(&world, &topic, &["a", "b", "c"]).await;
    world.reopen().await;
    assert_eq!(append_batch(&world, &topic, &["b", "d"]).await, first + 1);
    assert_eq!(append_batch(&world, &topic, &["d"]).await, first + 3);
    assert_holds(&world, &topic, &["a", "b", "c", "d"]).await;
    if world.capabilities().delete {
        world.events.delete(&topic).await.unwrap();
        append_batch(&world, &topic, &["b"]).await;
        assert_holds(&world, &topic, &["b"]).await;
    }
}
