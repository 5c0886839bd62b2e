//! Takes large events, or publishes them: `big_events`, or `big_events <count>`.
//!
//! The subscriber handles nothing until the file `open` exists in the working directory. The
//! publisher waits to be killed when it has published everything.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use micro::broker::HostInfo;
use micro::prelude::*;
use micro::registry::Registry;

/// Number of events that are published at the same time.
const CALLERS: usize = 16;

/// Size of the payload of an event.
const SIZE: usize = 1 << 20;

/// A large event.
#[micro::message(topic = "big.made")]
struct Made {
    number: u64,
    payload: Bytes,
}

#[micro::subscribe(queue = "big")]
async fn take(event: Made) {
    while !Path::new("open").exists() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    println!("handled {} {}", event.number, event.payload.len());
}

async fn publish_all(count: u64) -> Result<()> {
    let registry = std::env::var("MICRO_REGISTRY").or_internal("no registry")?;
    let broker = Broker::open("http://")?;
    broker
        .attach(&HostInfo::new(Registry::open(&registry)?))
        .await?;
    let next = Arc::new(AtomicU64::new(0));
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..CALLERS {
        let (broker, next) = (broker.clone(), Arc::clone(&next));
        callers.spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= count {
                    return;
                }
                publish(&broker, number).await;
                println!("published {number}");
            }
        });
    }
    callers.join_all().await;
    println!("all published");
    std::future::pending().await
}

/// Publishes an event until it is taken. An event that is published again with the same id is the
/// same event.
async fn publish(broker: &Broker, number: u64) {
    loop {
        let made = Made {
            number,
            payload: vec![b'x'; SIZE].into(),
        };
        match broker.publish(&made).id(number.to_string()).await {
            Ok(published) if published.taken == 1 => return,
            Ok(_) => {}
            Err(error) => eprintln!("not published: {error}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn main() {
    let Some(count) = std::env::args().nth(1) else {
        return micro::run!();
    };
    let count = count.parse().expect("a number of events");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    if let Err(error) = runtime.block_on(publish_all(count)) {
        eprintln!("{error:?}");
        std::process::exit(1);
    }
}
