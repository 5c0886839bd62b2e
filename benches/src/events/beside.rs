//! The brokers compared with their baselines, alternating within one run: memory with tokio's
//! broadcast channel, http with plain posts of the same payloads.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use micro::broker::{Broker, Delivery, Memory, Options};
use micro_benches::Process;
use tokio::sync::broadcast;
use tokio::task::JoinSet;

use crate::Scratch;
use crate::node::{self, Node, PROBE, SIZE, TOPIC};
use crate::posts::Poster;

const MAX_DURATION: Duration = Duration::from_secs(2);
const ROUNDS: usize = 5;
/// Number of subscribers of the memory broker.
const LISTENERS: u32 = 4;
/// Capacity of the channel: the default capacity of a subscriber.
const WAITING: usize = 1024;

/// Repeats an operation from a number of callers. Returns the rate per second, from the start until
/// `rest` has completed as well.
async fn rate<F, Doing>(callers: u32, doing: F, rest: impl Future<Output = ()>) -> io::Result<f64>
where
    F: Fn() -> Doing + Clone + Send + 'static,
    Doing: Future<Output = io::Result<()>> + Send,
{
    let start = Instant::now();
    let mut tasks = JoinSet::new();
    for _ in 0..callers {
        let doing = doing.clone();
        tasks.spawn(async move {
            let mut count = 0_u32;
            while start.elapsed() < MAX_DURATION {
                doing().await?;
                count += 1;
            }
            Ok::<_, io::Error>(count)
        });
    }
    drop(doing);
    let mut count = 0;
    while let Some(done) = tasks.join_next().await {
        count += done.map_err(io::Error::other)??;
    }
    rest.await;
    Ok(f64::from(count) / start.elapsed().as_secs_f64())
}

fn counts(handled: &AtomicU32, rate: f64) -> io::Result<f64> {
    if handled.load(Ordering::SeqCst) == 0 {
        return Err(io::Error::other("nobody handled anything"));
    }
    Ok(rate)
}

async fn settled(broker: &Broker) {
    let left = broker.flush(5 * MAX_DURATION).await;
    if left > 0 {
        eprintln!("{left} deliveries are not settled");
    }
}

/// Returns the rate of published events per second, including the time to handle the last one.
async fn published(callers: u32, broker: &Broker) -> io::Result<f64> {
    let publisher = broker.clone();
    let publish = move || {
        let event = node::event(1).map(|event| publisher.publish_event(event));
        async {
            let published = event.map_err(io::Error::other)?.await;
            published.map(drop).map_err(io::Error::other)
        }
    };
    rate(callers, publish, settled(broker)).await
}

async fn memory(callers: u32) -> io::Result<f64> {
    let broker = Broker::new(Memory::new());
    let (handled, mut all) = (Arc::new(AtomicU32::new(0)), Vec::new());
    for _ in 0..LISTENERS {
        let handled = Arc::clone(&handled);
        let count = move |_: Delivery| {
            handled.fetch_add(1, Ordering::Relaxed);
            std::future::ready(Ok(()))
        };
        let subscribed = broker.subscribe(TOPIC, Options::new(), count).await;
        all.push(subscribed.map_err(io::Error::other)?);
    }
    let rate = published(callers, &broker).await?;
    counts(&handled, rate)
}

/// The channel drops what its slowest receiver has not taken, so senders wait for room.
async fn channel(callers: u32) -> io::Result<f64> {
    let (sender, _) = broadcast::channel::<Bytes>(WAITING);
    let (handled, mut tasks) = (Arc::new(AtomicU32::new(0)), JoinSet::new());
    for _ in 0..LISTENERS {
        let (mut receiver, handled) = (sender.subscribe(), Arc::clone(&handled));
        tasks.spawn(async move {
            loop {
                match receiver.recv().await {
                    Ok(_) => {
                        handled.fetch_add(1, Ordering::Relaxed);
                    }
                    Err(broadcast::error::RecvError::Closed) => return,
                    Err(lost @ broadcast::error::RecvError::Lagged(_)) => panic!("{lost}"),
                }
            }
        });
    }
    let send = move || {
        let sender = sender.clone();
        async move {
            while sender.len() + callers as usize >= WAITING {
                tokio::task::yield_now().await;
            }
            sender
                .send(vec![7; SIZE].into())
                .map(drop)
                .map_err(io::Error::other)
        }
    };
    let settled = async { while tasks.join_next().await.is_some() {} };
    let rate = rate(callers, send, settled).await?;
    counts(&handled, rate)
}

async fn http(scratch: &Scratch, name: &str, callers: u32) -> io::Result<f64> {
    let registry = scratch.registry(name);
    let _node = Node::start(&registry, "quiet", "p0", |_, _| {})?;
    let broker = node::publisher(&registry).await.map_err(io::Error::other)?;
    until_taken(&broker, 1).await?;
    published(callers, &broker).await
}

async fn posts(callers: u32) -> io::Result<f64> {
    let (_server, port) = Process::start(&["posts".to_owned()])?;
    let poster = Poster::connect(&port).await?;
    let post = move || {
        let poster = poster.clone();
        async move { poster.post(vec![7; SIZE].into()).await }
    };
    rate(callers, post, async {}).await
}

/// Publishes until the expected number of queues and subscribers accept the event.
pub(crate) async fn until_taken(broker: &Broker, expected: usize) -> io::Result<()> {
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(30) {
        let probe = node::event(PROBE).map_err(io::Error::other)?;
        let published = broker.publish_event(probe).await;
        if published.is_ok_and(|published| published.taken == expected) {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Err(io::Error::other("the nodes are not known"))
}

/// The median.
pub(crate) fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

/// Prints a line for each pair and number of callers.
pub(crate) async fn run(scratch: &Scratch) -> io::Result<()> {
    println!("events of {SIZE} bytes a second, medians of {ROUNDS} alternations");
    for callers in [1, 64] {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            ours.push(memory(callers).await?);
            theirs.push(channel(callers).await?);
        }
        print(
            &format!("memory broker, {LISTENERS} subscribers"),
            "broadcast",
            callers,
            (ours, theirs),
        );
    }
    for callers in [1, 64] {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for round in 0..ROUNDS {
            let name = format!("beside-{callers}-{round}");
            ours.push(http(scratch, &name, callers).await?);
            theirs.push(posts(callers).await?);
        }
        print(
            "http broker, 1 subscriber elsewhere",
            "plain posts",
            callers,
            (ours, theirs),
        );
    }
    Ok(())
}

fn print(ours: &str, theirs: &str, callers: u32, rates: (Vec<f64>, Vec<f64>)) {
    let pairs = rates.0.iter().zip(&rates.1);
    let ratio = median(pairs.map(|(ours, theirs)| ours / theirs).collect());
    let (our, their) = (median(rates.0), median(rates.1));
    println!("{ours}, {callers:>2} callers: {our:>9.0}; {theirs}: {their:>9.0}; {ratio:.2} x");
}
