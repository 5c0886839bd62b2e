//! Millions of events through each backend: each is delivered once, in the order of its key.

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use micro::Error;
use micro::events::{Config, Event, Events, File, Fsync, Memory, Options};

use crate::Scratch;

const KEYS: u64 = 97;
const BATCH: u64 = 500;
const CONSUMERS: usize = 3;

/// What the consumers of a group have received.
#[derive(Default)]
struct Seen {
    /// Last number by key.
    last: Mutex<HashMap<String, u64>>,
    count: AtomicU64,
    again: AtomicU64,
    disorder: AtomicU64,
}

/// Creates an event that contains its number. The key is the number modulo `KEYS`.
pub(crate) fn event(number: u64) -> Event {
    Event::new(number.to_le_bytes().to_vec()).with_key((number % KEYS).to_string())
}

/// Appends a number of events.
pub(crate) async fn append(events: &Events, many: u64) -> Result<(), Error> {
    let mut from = 0;
    while from < many {
        let to = (from + BATCH).min(many);
        events.append_batch("count", (from..to).map(event)).await?;
        from = to;
    }
    Ok(())
}

async fn take(events: Events, group: String, many: u64, seen: Arc<Seen>) -> Result<(), Error> {
    let mut consumer = events.consume("count", &group, Options::new()).await?;
    while seen.count.load(Ordering::SeqCst) < many {
        // Use a timeout, because other consumers may take the last events.
        let wait = std::time::Duration::from_millis(200);
        let Ok(next) = tokio::time::timeout(wait, consumer.next()).await else {
            continue;
        };
        let Some(delivery) = next else { break };
        let delivery = delivery?;
        let event = &delivery.record().event;
        let bytes = (*event.payload).try_into();
        let number = u64::from_le_bytes(bytes.map_err(|_| Error::data_loss("not our event"))?);
        if delivery.attempt() > 1 {
            seen.again.fetch_add(1, Ordering::SeqCst);
        }
        {
            let mut last = seen.last.lock().unwrap_or_else(PoisonError::into_inner);
            let key = event.key.clone().unwrap_or_default();
            let expected = last.get(&key).map_or(number % KEYS, |last| last + KEYS);
            if number != expected {
                seen.disorder.fetch_add(1, Ordering::SeqCst);
            }
            last.insert(key, number);
        }
        delivery.ack().await?;
        seen.count.fetch_add(1, Ordering::SeqCst);
    }
    Ok(())
}

async fn count(name: &str, events: Events, many: u64) -> Result<(), Error> {
    let start = Instant::now();
    let groups: Vec<(String, Arc<Seen>)> = ["one", "two"]
        .map(|group| (group.to_owned(), Arc::default()))
        .into();
    let mut tasks = tokio::task::JoinSet::new();
    for (group, seen) in &groups {
        for _ in 0..CONSUMERS {
            tasks.spawn(take(events.clone(), group.clone(), many, Arc::clone(seen)));
        }
    }
    append(&events, many).await?;
    while let Some(done) = tasks.join_next().await {
        done.map_err(|error| Error::internal("a consumer is lost").with_source(error))??;
    }
    let seconds = start.elapsed().as_secs_f64();
    let mut right = true;
    for (group, seen) in groups {
        let of = |number: &AtomicU64| number.load(Ordering::SeqCst);
        let (count, again) = (of(&seen.count), of(&seen.again));
        let (disorder, lag) = (of(&seen.disorder), events.lag("count", &group).await?);
        println!(
            "{name}, group {group} of {CONSUMERS}: {many} appended, {count} delivered and settled, \
             {again} again, {disorder} out of their key's order, {lag} left; {seconds:.1} s"
        );
        right &= (count, disorder, lag) == (many, 0, 0);
    }
    events.close().await?;
    if right {
        Ok(())
    } else {
        Err(Error::data_loss("not as promised"))
    }
}

/// Runs the count on each backend.
pub(crate) async fn run(scratch: &Scratch, many: u64) -> io::Result<()> {
    let file = Config::new(scratch.path("count")).with_sync(Fsync::Interval);
    for (name, events) in [
        ("memory", Events::new(Memory::new())),
        ("file", Events::new(File::new(file))),
    ] {
        count(name, events, many).await.map_err(io::Error::other)?;
    }
    Ok(())
}
