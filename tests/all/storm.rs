//! Calls and streams of all kinds, dropped at random points, leave nothing behind.
//!
//! There are 10,000 over the network and as many in process. `MICRO_STORM` sets another number, and
//! `MICRO_STORM_SEED` the seed.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use micro::client::{Client, Config};
use micro::handler::Sender;
use micro::prelude::*;
use micro::registry::Registry;
use micro::testing::TestApp;
use tokio::task::JoinSet;

const CALLS: u64 = 10_000;
const AT_ONCE: u64 = 64;
/// Maximum number of streams that the server accepts on a connection.
const STREAMS: usize = 128;

#[micro::message(package = "storm")]
struct Drop {
    value: u32,
    bytes: Vec<u8>,
}

/// Handlers and their streams: the number started, and the number alive.
#[derive(Default)]
struct Counts {
    begun: AtomicU64,
    alive: AtomicUsize,
}

struct Alive(Arc<Counts>);

impl Alive {
    fn new(counts: &Arc<Counts>) -> Self {
        counts.begun.fetch_add(1, Ordering::SeqCst);
        counts.alive.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(counts))
    }
}

impl std::ops::Drop for Alive {
    fn drop(&mut self) {
        self.0.alive.fetch_sub(1, Ordering::SeqCst);
    }
}

#[micro::service(name = "storm")]
#[derive(Default)]
struct Storm {
    #[micro(default)]
    counts: Arc<Counts>,
}

#[micro::service]
impl Storm {
    /// Waits a little now and then.
    #[micro::rpc]
    async fn one(&self, request: Drop) -> Result<Drop> {
        let _alive = Alive::new(&self.counts);
        if request.value.is_multiple_of(3) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Ok(request)
    }

    /// Without end for odd ones.
    #[micro::rpc]
    async fn many(&self, request: Drop) -> Result<Streaming<Drop>> {
        let alive = Alive::new(&self.counts);
        Ok(Streaming::make(move |out: Sender<Drop>| async move {
            let _alive = alive;
            let mut value = 0;
            while request.value % 2 == 1 || value < request.value {
                let bytes = request.bytes.clone();
                out.send(Drop { value, bytes }).await?;
                value += 1;
            }
            Ok(())
        }))
    }

    #[micro::rpc]
    async fn sum(&self, mut input: Streaming<Drop>) -> Result<Drop> {
        let _alive = Alive::new(&self.counts);
        let mut value = 0;
        while let Some(next) = input.next().await {
            value += next?.value;
        }
        let bytes = Vec::new();
        Ok(Drop { value, bytes })
    }

    #[micro::rpc]
    async fn each(&self, mut input: Streaming<Drop>) -> Result<Streaming<Drop>> {
        let alive = Alive::new(&self.counts);
        Ok(Streaming::make(move |out: Sender<Drop>| async move {
            let _alive = alive;
            while let Some(next) = input.next().await {
                out.send(next?).await?;
            }
            Ok(())
        }))
    }
}

/// Random numbers from a seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        // Knuth's MMIX generator. Its high bits are good enough here.
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005);
        self.0 = self.0.wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }

    fn number(&mut self, below: u32) -> u32 {
        u32::try_from(self.roll(u64::from(below))).unwrap()
    }

    fn message(&mut self) -> Drop {
        let size = if self.roll(10) == 0 { 100_000 } else { 100 };
        let bytes = vec![7; usize::try_from(self.roll(size)).unwrap()];
        let value = self.number(30);
        Drop { value, bytes }
    }

    /// Lets most futures finish. Drops the others after a number of polls.
    async fn perhaps<F: Future>(&mut self, future: F) -> Option<F::Output> {
        let mut polls = if self.roll(3) == 0 {
            self.roll(6)
        } else {
            u64::MAX
        };
        let mut future = pin!(future);
        poll_fn(|cx| {
            let Some(left) = polls.checked_sub(1) else {
                return Poll::Ready(None);
            };
            polls = left;
            let polled = future.as_mut().poll(cx).map(Some);
            if polled.is_pending() && polls == 0 {
                return Poll::Ready(None);
            }
            polled
        })
        .await
    }
}

/// The node that is called. `None` is this process.
#[derive(Clone)]
struct Target {
    client: StormClient,
    address: Option<String>,
}

macro_rules! at {
    ($target:expr, $request:expr) => {
        match &$target.address {
            Some(address) => $request.address(address.clone()),
            None => $request,
        }
        .into_future()
    };
}

/// Makes one call and drops it at a random point, or not at all.
async fn drop_one(target: Target, seed: u64) {
    let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let client = &target.client;
    match dice.roll(4) {
        0 => {
            let call = at!(target, client.one(dice.message()));
            drop(dice.perhaps(call).await);
        }
        1 => {
            let call = at!(target, client.many(dice.message()));
            if let Some(Ok(replies)) = dice.perhaps(call).await {
                read(&mut dice, replies).await;
            }
        }
        2 => {
            let (out, input) = Streaming::channel(4);
            let messages: Vec<_> = (0..dice.roll(20)).map(|_| dice.message()).collect();
            let sending = tokio::spawn(async move {
                for message in messages {
                    if out.send(message).await.is_err() {
                        break;
                    }
                }
            });
            let call = at!(target, client.sum(input));
            drop(dice.perhaps(call).await);
            // The other end is gone in any case.
            sending.await.unwrap();
        }
        _ => {
            let (out, input) = Streaming::channel(4);
            let call = at!(target, client.each(input));
            let Some(Ok(mut replies)) = dice.perhaps(call).await else {
                return;
            };
            for _ in 0..dice.roll(12) {
                let message = dice.message();
                drop(dice.perhaps(out.send(message)).await);
            }
            if dice.roll(2) == 0 {
                drop(out);
                read(&mut dice, replies).await;
            } else {
                drop(tokio::time::timeout(Duration::from_millis(1), replies.next()).await);
                drop(replies);
                out.closed().await;
            }
        }
    }
}

async fn read(dice: &mut Dice, mut replies: Streaming<Drop>) {
    for _ in 0..dice.roll(40) {
        match dice.perhaps(replies.next()).await {
            Some(Some(Ok(_))) => {}
            _ => return,
        }
    }
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

async fn storm(target: &Target, counts: &Counts) {
    let (calls, seed) = (
        setting("MICRO_STORM", CALLS),
        setting("MICRO_STORM_SEED", 1),
    );
    let before = tasks();
    let mut running = JoinSet::new();
    for number in 0..calls {
        if number >= AT_ONCE {
            running.join_next().await.unwrap().unwrap();
        }
        running.spawn(drop_one(target.clone(), seed.wrapping_add(number)));
    }
    while let Some(ended) = running.join_next().await {
        ended.unwrap();
    }
    until("no handler is left", || {
        counts.alive.load(Ordering::SeqCst) == 0
    })
    .await;
    let begun = counts.begun.load(Ordering::SeqCst);
    assert!(begun > calls / 2, "only {begun} handlers have begun");
    // The remaining tasks belong to the connection (one on each side) and to its node.
    until("no task is left", || tasks() <= before + 3).await;
}

fn tasks() -> usize {
    tokio::runtime::Handle::current()
        .metrics()
        .num_alive_tasks()
}

async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    for _ in 0..10_000 {
        if condition() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    panic!("still not: {what}, {} tasks", tasks());
}

/// Opens the maximum number of streams and then makes a call, to show that no permit was lost.
async fn every_place_is_free(target: &Target) {
    let mut open = Vec::new();
    for value in 0..u32::try_from(STREAMS).unwrap() {
        let (out, input) = Streaming::channel(1);
        let mut replies = at!(target, target.client.each(input)).await.unwrap();
        let bytes = Vec::new();
        out.send(Drop { value, bytes }).await.unwrap();
        assert_eq!(replies.next().await.unwrap().unwrap().value, value);
        open.push((out, replies));
    }
    drop(open);
    let (value, bytes) = (4, Vec::new());
    let reply = at!(target, target.client.one(Drop { value, bytes })).await;
    assert_eq!(reply.unwrap().value, 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_storm_over_the_network_leaves_nothing_behind() {
    let counts = Arc::<Counts>::default();
    let service = Storm {
        counts: Arc::clone(&counts),
    };
    let app = App::builder()
        .registry(Registry::open("memory://").unwrap())
        .setting("limits.max_streams", STREAMS.to_string())
        .service(service);
    let app = app.build().await.unwrap();
    let running = app.start().await.unwrap();
    let mut config = Config::default();
    config.max_connections = 1;
    let client = Client::builder().config(config).build();
    let target = Target {
        client: StormClient::new(client.clone()),
        address: running.address().map(|address| address.to_string()),
    };
    assert!(target.address.is_some());
    storm(&target, &counts).await;
    every_place_is_free(&target).await;
    client.close().await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_storm_in_process_leaves_nothing_behind() {
    let counts = Arc::<Counts>::default();
    let service = Storm {
        counts: Arc::clone(&counts),
    };
    let app = TestApp::builder().service(service).start().await.unwrap();
    let target = Target {
        client: StormClient::new(app.client()),
        address: None,
    };
    storm(&target, &counts).await;
    every_place_is_free(&target).await;
    app.stop().await;
}
