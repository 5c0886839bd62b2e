//! Order of a key, while many work and some fail.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::{consumer, delivery, nothing, take, text};
use crate::{Event, Events, Options};

const KEYS: u32 = 7;
const EACH: u32 = 30;

/// What the workers saw, by key.
#[derive(Default)]
struct Seen {
    at_work: HashSet<String>,
    done: HashMap<String, Vec<u32>>,
    count: u32,
}

pub(super) async fn a_key_is_served_in_order(events: &Events) {
    let batch = (0..EACH).flat_map(|number| {
        (0..KEYS).map(move |key| Event::new(number.to_string()).with_key(format!("k{key}")))
    });
    events.append_batch("keyed", batch).await.unwrap();
    let seen = Arc::new(Mutex::new(Seen::default()));
    let workers: Vec<_> = (0..6)
        .map(|worker| tokio::spawn(work(events.clone(), worker, Arc::clone(&seen))))
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

/// Works, and now and then fails in each way there is.
async fn work(events: Events, worker: u64, seen: Arc<Mutex<Seen>>) {
    let mut random = fastrand::Rng::with_seed(worker);
    let options = Options::new().with_retries(1000).with_in_flight(3);
    let mut consumer = events.consume("keyed", "g", options).await.unwrap();
    while seen.lock().unwrap().count < KEYS * EACH {
        let next = tokio::time::timeout(Duration::from_millis(20), consumer.next()).await;
        let Ok(next) = next else { continue };
        let delivery = next.unwrap().unwrap();
        let key = delivery.record().event.key.clone().unwrap();
        let number: u32 = text(delivery.record()).parse().unwrap();
        let alone = seen.lock().unwrap().at_work.insert(key.clone());
        assert!(alone, "two of {key} at once");
        tokio::task::yield_now().await;
        let luck = random.u32(0..10);
        {
            let mut seen = seen.lock().unwrap();
            seen.at_work.remove(&key);
            if luck >= 3 {
                seen.count += 1;
                seen.done.entry(key).or_default().push(number);
            }
        }
        match luck {
            0 => drop(delivery),
            1 => delivery.nack(Duration::ZERO).await.unwrap(),
            2 => delivery.nack(Duration::from_millis(1)).await.unwrap(),
            _ => delivery.ack().await.unwrap(),
        }
    }
}

pub(super) async fn a_key_waits_for_its_oldest(events: &Events) {
    for (key, payload) in [("a", "a0"), ("a", "a1"), ("b", "b0")] {
        let event = Event::new(payload).with_key(key);
        events.append_to("waiting", event).await.unwrap();
    }
    let mut consumer = consumer(events, "waiting", "g").await;
    let first = delivery(&mut consumer).await;
    assert_eq!(take(&mut consumer).await, "b0");
    nothing(&mut consumer).await;
    first.nack(Duration::from_millis(60)).await.unwrap();
    let again = delivery(&mut consumer).await;
    assert_eq!((again.attempt(), &*text(again.record())), (2, "a0"));
    again.ack().await.unwrap();
    assert_eq!(take(&mut consumer).await, "a1");
}
