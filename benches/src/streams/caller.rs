//! The client's measurements: the same code runs with micro and with tonic.

use std::future::Future;
use std::io;
use std::time::{Duration, Instant};

use micro_benches::resident_bytes;

use crate::options::{Options, Shape};

/// Size of the message's only field, in bytes.
const PAYLOAD: usize = 100;
const WINDOW: u64 = 256;
const IDLE: u32 = 10_000;
const STALLED: u32 = 64;

/// A client of one implementation.
pub(crate) trait Caller: Send + Sync + Sized + 'static {
    /// Sends the requests of a stream.
    type Sender: Send + Sync;
    /// Receives the responses of a stream.
    type Replies: Send;

    fn connect(port: u16) -> impl Future<Output = io::Result<Self>> + Send;

    /// Opens a server stream without end.
    fn many(&self, request: Vec<u8>) -> impl Future<Output = io::Result<Self::Replies>> + Send;

    /// Opens a bidirectional echo stream. Its requests are buffered in a channel of this capacity.
    fn each(
        &self,
        capacity: usize,
    ) -> impl Future<Output = io::Result<(Self::Sender, Self::Replies)>> + Send;

    fn send(sender: &Self::Sender, data: Vec<u8>) -> impl Future<Output = io::Result<()>> + Send;

    fn next(replies: &mut Self::Replies) -> impl Future<Output = io::Result<Vec<u8>>> + Send;
}

/// Runs the first shape. Returns one line of numbers.
pub(crate) async fn measure<C: Caller>(options: &Options) -> io::Result<String> {
    let client = C::connect(options.run.port).await?;
    let shape = options.shapes.first().copied().unwrap_or(Shape::Ping);
    match shape {
        Shape::Ping => ping(&client, options).await,
        Shape::Window => window(&client, options).await,
        Shape::Down => down(&client, options).await,
        Shape::Idle => idle(&client, options).await,
        Shape::Stalled => stalled(&client, options).await,
    }
}

/// A message that begins with its number.
pub(crate) fn payload(number: u64) -> Vec<u8> {
    let mut data = number.to_be_bytes().to_vec();
    data.resize(PAYLOAD, b'x');
    data
}

/// The measured interval between warm-up and end.
struct Phases {
    from: Instant,
    until: Instant,
}

impl Phases {
    fn new(options: &Options) -> Self {
        let from = Instant::now() + Duration::from_secs_f64(options.run.warm);
        let until = from + Duration::from_secs_f64(options.run.seconds);
        Self { from, until }
    }
}

async fn expect<C: Caller>(replies: &mut C::Replies, number: u64) -> io::Result<()> {
    if C::next(replies).await? == payload(number) {
        return Ok(());
    }
    Err(io::Error::other(format!(
        "message {number} came back as another"
    )))
}

async fn ping<C: Caller>(client: &C, options: &Options) -> io::Result<String> {
    let (sender, mut replies) = client.each(1).await?;
    let (phases, mut nanos, mut number) = (Phases::new(options), Vec::new(), 0);
    loop {
        let begin = Instant::now();
        C::send(&sender, payload(number)).await?;
        expect::<C>(&mut replies, number).await?;
        number += 1;
        let end = Instant::now();
        if end >= phases.until {
            break;
        }
        if begin >= phases.from {
            let took = (end - begin).as_nanos();
            nanos.push(u64::try_from(took).unwrap_or(u64::MAX));
        }
    }
    nanos.sort_unstable();
    let at = |percent: usize| nanos.get(nanos.len() * percent / 100).copied().unwrap_or(0);
    let rate = per_second(nanos.len(), options.run.seconds);
    Ok(format!(
        "{rate:.1} {:.1} {:.1}",
        micros(at(50)),
        micros(at(99))
    ))
}

async fn window<C: Caller>(client: &C, options: &Options) -> io::Result<String> {
    let (sender, mut replies) = client.each(usize::try_from(WINDOW).unwrap_or(1)).await?;
    let (phases, mut counted) = (Phases::new(options), 0);
    for number in 0..WINDOW {
        C::send(&sender, payload(number)).await?;
    }
    for number in 0.. {
        expect::<C>(&mut replies, number).await?;
        C::send(&sender, payload(number + WINDOW)).await?;
        // The clock is not read for every message.
        if number % WINDOW == 0 {
            let now = Instant::now();
            if now >= phases.until {
                break;
            }
            if now >= phases.from {
                counted += WINDOW;
            }
        }
    }
    let counted = usize::try_from(counted).unwrap_or(usize::MAX);
    Ok(format!("{:.1}", per_second(counted, options.run.seconds)))
}

async fn down<C: Caller>(client: &C, options: &Options) -> io::Result<String> {
    let mut replies = client.many(payload(0)).await?;
    let (phases, mut counted) = (Phases::new(options), 0);
    for number in 0_u64.. {
        expect::<C>(&mut replies, number).await?;
        if number % WINDOW == 0 {
            let now = Instant::now();
            if now >= phases.until {
                break;
            }
            if now >= phases.from {
                counted += WINDOW;
            }
        }
    }
    let counted = usize::try_from(counted).unwrap_or(usize::MAX);
    Ok(format!("{:.1}", per_second(counted, options.run.seconds)))
}

/// Resident bytes of this process and of the server.
fn resident(options: &Options) -> io::Result<[u64; 2]> {
    Ok([
        resident_bytes(std::process::id())?,
        resident_bytes(options.run.server)?,
    ])
}

fn growth(before: [u64; 2], after: [u64; 2], streams: u32) -> String {
    let each = |at: usize| after[at].saturating_sub(before[at]) / u64::from(streams);
    format!("{} {}", each(0), each(1))
}

async fn idle<C: Caller>(client: &C, options: &Options) -> io::Result<String> {
    let mut open = Vec::with_capacity(usize::try_from(IDLE).unwrap_or(0));
    let mut before = resident(options)?;
    for number in 0..=IDLE {
        let (sender, mut replies) = client.each(1).await?;
        C::send(&sender, payload(u64::from(number))).await?;
        expect::<C>(&mut replies, u64::from(number)).await?;
        open.push((sender, replies));
        if number == 0 {
            before = resident(options)?;
        }
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    Ok(growth(before, resident(options)?, IDLE))
}

async fn stalled<C: Caller>(client: &C, options: &Options) -> io::Result<String> {
    let mut open = Vec::new();
    let mut before = resident(options)?;
    for number in 0..=STALLED {
        let mut replies = client.many(payload(0)).await?;
        expect::<C>(&mut replies, 0).await?;
        // The first run only warms up.
        if number == 0 {
            drop(replies);
            tokio::time::sleep(Duration::from_millis(500)).await;
            before = resident(options)?;
        } else {
            open.push(replies);
        }
    }
    // Wait until memory stops growing, for at most half a minute.
    let mut last = before;
    for _ in 0..60 {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let now = resident(options)?;
        if now == last {
            break;
        }
        last = now;
    }
    Ok(growth(before, last, STALLED))
}

#[expect(clippy::cast_precision_loss, reason = "fewer messages than 2^52")]
fn per_second(count: usize, seconds: f64) -> f64 {
    count as f64 / seconds
}

#[expect(clippy::cast_precision_loss, reason = "shorter than 2^52 ns")]
fn micros(nanos: u64) -> f64 {
    nanos as f64 / 1e3
}
