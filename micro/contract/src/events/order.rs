//! Cases of ordering by key, with concurrent consumers and failures.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use micro_events::{Event, Events, Options};
use tokio::sync::watch;
use tokio::time::timeout;

use super::{World, delivery, take, text};
use crate::DEADLINE;

const KEYS: u32 = 7;
const EACH: u32 = 30;

/// What the workers received, by key.
#[derive(Default)]
struct Seen {
    at_work: HashSet<String>,
    done: HashMap<String, Vec<u32>>,
}

fn can_order(world: &World) -> bool {
    world.can(world.capabilities().ordered, "keep the order of a key")
}

/// Six consumers, which occasionally fail in every possible way, handle the records of each key in
/// order and never two records of a key concurrently. Needs `ordered`.
pub async fn a_key_is_served_in_order(world: World) {
    if !can_order(&world) {
        return;
    }
    let topic = world.topic("keyed");
    let batch = (0..EACH).flat_map(|number| {
        (0..KEYS).map(move |key| Event::new(number.to_string()).with_key(format!("k{key}")))
    });
    world.events.append_batch(&topic, batch).await.unwrap();
    let seen = Arc::new(Mutex::new(Seen::default()));
    let count = watch::Sender::new(0);
    let workers: Vec<_> = (0..6)
        .map(|seed| {
            let worker = Worker {
                seen: Arc::clone(&seen),
                count: count.clone(),
                random: fastrand::Rng::with_seed(seed),
            };
            tokio::spawn(worker.run(world.events.clone(), topic.clone()))
        })
        .collect();
    for worker in workers {
        worker.await.unwrap();
    }
    let seen = seen.lock().unwrap();
    assert_eq!(seen.done.len(), KEYS as usize);
    for (key, numbers) in &seen.done {
        assert_eq!(*numbers, (0..EACH).collect::<Vec<_>>(), "{key}");
    }
}

struct Worker {
    seen: Arc<Mutex<Seen>>,
    /// Number of records that all workers have acknowledged.
    count: watch::Sender<u32>,
    random: fastrand::Rng,
}

impl Worker {
    /// Handles records until all are acknowledged.
    async fn run(mut self, events: Events, topic: String) {
        let options = Options::new().with_retries(1000).with_in_flight(3);
        let mut consumer = events.consume(&topic, "g", options).await.unwrap();
        let mut count = self.count.subscribe();
        loop {
            let next = async {
                tokio::select! {
                    next = consumer.next() => next,
                    all = count.wait_for(|count| *count >= KEYS * EACH) => {
                        all.expect("this worker holds a sender");
                        None
                    }
                }
            };
            let next = timeout(DEADLINE, next).await.expect("a delivery in time");
            let Some(delivery) = next else { return };
            self.handle(delivery.unwrap()).await;
        }
    }

    async fn handle(&mut self, delivery: micro_events::Delivery) {
        let key = delivery.record().event.key.clone().unwrap();
        let number: u32 = text(delivery.record()).parse().unwrap();
        let alone = self.seen.lock().unwrap().at_work.insert(key.clone());
        assert!(alone, "two of {key} at once");
        tokio::task::yield_now().await;
        let luck = self.random.u32(0..10);
        {
            let mut seen = self.seen.lock().unwrap();
            seen.at_work.remove(&key);
            if luck >= 3 {
                seen.done.entry(key).or_default().push(number);
            }
        }
        match luck {
            0 => drop(delivery),
            1 => delivery.nack(Duration::ZERO).await.unwrap(),
            2 => delivery.nack(Duration::from_millis(1)).await.unwrap(),
            _ => {
                delivery.ack().await.unwrap();
                self.count.send_modify(|count| *count += 1);
            }
        }
    }
}

/// The next record of a key is not delivered while an earlier one is unacknowledged. Records of
/// other keys are delivered. Needs `ordered`.
pub async fn a_key_waits_for_its_oldest(world: World) {
    if !can_order(&world) {
        return;
    }
    let topic = world.topic("waiting");
    for (key, payload) in [("a", "a0"), ("a", "a1"), ("b", "b0")] {
        world
            .append(&topic, Event::new(payload).with_key(key))
            .await;
    }
    let mut consumer = world.consumer(&topic, "g").await;
    let first = delivery(&mut consumer).await;
    assert_eq!(text(first.record()), "a0");
    assert_eq!(take(&mut consumer).await, "b0");
    world
        .assert_nothing_but_a_marker(&topic, &mut consumer)
        .await;
    first.nack(Duration::from_millis(60)).await.unwrap();
    let again = delivery(&mut consumer).await;
    assert_eq!((again.attempt(), &*text(again.record())), (2, "a0"));
    again.ack().await.unwrap();
    assert_eq!(take(&mut consumer).await, "a1");
}
