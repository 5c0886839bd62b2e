//! Latency of an event from one process to the handler in another, compared with the round trip of
//! a plain post. Events are sent one after the other, over loopback.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use micro::broker::Broker;
use micro_benches::Process;

use crate::Scratch;
use crate::beside::{median, until_taken};
use crate::node::{self, Node, PROBE, SIZE};
use crate::posts::Poster;

const EVENTS: u32 = 10_000;
const ROUNDS: usize = 5;

/// Nanoseconds, in order of arrival.
type Nanos = Arc<Mutex<Vec<u64>>>;

/// Median and 99th percentile, in microseconds.
fn percentiles(mut nanos: Vec<u64>) -> (f64, f64) {
    nanos.sort_unstable();
    let at = |percent: usize| nanos.get(nanos.len() * percent / 100).copied();
    let micros = |percent| Duration::from_nanos(at(percent).unwrap_or(0)).as_secs_f64() * 1e6;
    (micros(50), micros(99))
}

fn nanos(start: Instant) -> u64 {
    u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

/// Returns the time until each event was accepted and the time until it was handled. The node
/// reports when it handled an event.
async fn events(broker: &Broker, heard: &Nanos) -> io::Result<(Vec<u64>, Vec<u64>)> {
    let mut published = Vec::new();
    for _ in 0..EVENTS {
        let event = node::event(node::now()).map_err(io::Error::other)?;
        let start = Instant::now();
        broker
            .publish_event(event)
            .await
            .map_err(io::Error::other)?;
        published.push(nanos(start));
    }
    let start = Instant::now();
    loop {
        {
            let mut heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
            if heard.len() == published.len() {
                return Ok((published, std::mem::take(&mut *heard)));
            }
        }
        if start.elapsed() > Duration::from_secs(10) {
            return Err(io::Error::other("not all was handled"));
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn posts(poster: &Poster) -> io::Result<Vec<u64>> {
    let mut all = Vec::new();
    for _ in 0..EVENTS {
        let start = Instant::now();
        poster.post(vec![7; SIZE].into()).await?;
        all.push(nanos(start));
    }
    Ok(all)
}

/// Prints the results.
pub(crate) async fn run(scratch: &Scratch) -> io::Result<()> {
    let registry = scratch.registry("latency");
    let heard = Nanos::default();
    let noting = Arc::clone(&heard);
    let _node = Node::start(&registry, "time", "p0", move |_, nanos| {
        if nanos != PROBE {
            noting
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(nanos);
        }
    })?;
    let broker = node::publisher(&registry).await.map_err(io::Error::other)?;
    until_taken(&broker, 1).await?;
    let (_server, port) = Process::start(&["posts".to_owned()])?;
    let poster = Poster::connect(&port).await?;
    let mut all = [(); 3].map(|()| Vec::new());
    for _ in 0..ROUNDS {
        let (published, handled) = events(&broker, &heard).await?;
        for (all, nanos) in all
            .iter_mut()
            .zip([handled, published, posts(&poster).await?])
        {
            all.push(percentiles(nanos));
        }
    }
    println!(
        "µs from process to process, one at a time, medians of {ROUNDS} alternations of {EVENTS}"
    );
    let names = [
        "event, from publish to its handler",
        "event, from publish to taken, there and back",
        "plain post, there and back",
    ];
    for (name, all) in names.iter().zip(all) {
        let p50 = median(all.iter().map(|both| both.0).collect());
        let p99 = median(all.iter().map(|both| both.1).collect());
        println!("{name}: p50 {p50:.0}, p99 {p99:.0}");
    }
    Ok(())
}
