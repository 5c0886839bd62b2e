//! Millions of calls through micro's client: each is answered once, with the correct response, and
//! the memory of both sides stays flat.
//!
//! Server and client are separate processes. Each call carries a number, and the response must
//! match it. At the end, the server must have received exactly as many calls as were made.
//!
//! ```text
//! cargo run --release -p micro-benches --bin soak [-- 10]     # millions of calls
//! ```

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use micro::client::Client;
use micro::prelude::*;
use micro::registry::Registry;
use micro_benches::{Process, resident_bytes};

const CALLERS: u64 = 64;
/// Number of memory samples.
const SAMPLES: u64 = 20;
/// Number of samples during warm-up, until caches and buffers have reached their size.
const WARM_UP_SAMPLES: usize = 3;
/// Maximum growth of memory after the warm-up, in bytes.
const MAX_GROWTH: u64 = 4 << 20;

/// A number, and a hundred bytes derived from it.
#[micro::message]
#[derive(Debug, Clone, PartialEq)]
struct Numbered {
    number: u64,
    filler: Vec<u8>,
}

impl Numbered {
    fn new(number: u64) -> Self {
        let filler = number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes();
        Self {
            number,
            filler: filler.repeat(12),
        }
    }
}

/// Number of calls that the server received.
#[micro::message]
struct Asked {
    times: u64,
}

#[micro::service]
struct Soak {
    #[micro(default)]
    asked: AtomicU64,
}

#[micro::service]
impl Soak {
    /// Returns the next number.
    #[micro::rpc]
    async fn next(&self, question: Numbered) -> Result<Numbered> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        if question != Numbered::new(question.number) {
            return Err(Error::data_loss("the question is damaged"));
        }
        Ok(Numbered::new(question.number + 1))
    }

    /// Returns how often `next` was called.
    #[micro::rpc]
    async fn asked(&self, _context: Context) -> Result<Asked> {
        let times = self.asked.load(Ordering::Relaxed);
        Ok(Asked { times })
    }
}

fn main() -> io::Result<()> {
    let word = std::env::args().nth(1).unwrap_or_else(|| "10".to_owned());
    if word == "serve" {
        return micro_benches::serve(App::builder());
    }
    let millions: f64 = word.parse().map_err(io::Error::other)?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a number of calls"
    )]
    let calls = (millions * 1e6) as u64;
    let (server, port) = Process::start(&["serve".to_owned()])?;
    tokio::runtime::Runtime::new()?.block_on(soak(calls, &server, &port))
}

async fn soak(calls: u64, server: &Process, port: &str) -> io::Result<()> {
    let url = format!("static://soak=127.0.0.1:{port}");
    let registry = Registry::open(&url).map_err(io::Error::other)?;
    let soak = SoakClient::new(Client::builder().registry(registry).build());
    let next = Arc::new(AtomicU64::new(0));
    let start = Instant::now();
    let callers: Vec<_> = (0..CALLERS)
        .map(|_| tokio::spawn(caller(soak.clone(), Arc::clone(&next), calls)))
        .collect();
    let memory = tokio::spawn(look(Arc::clone(&next), calls, server.id()));
    let mut answered = 0;
    for caller in callers {
        answered += caller
            .await
            .map_err(io::Error::other)?
            .map_err(io::Error::other)?;
    }
    let seconds = start.elapsed().as_secs_f64();
    let memory = memory.await.map_err(io::Error::other)??;
    let asked = soak.asked().await.map_err(io::Error::other)?.times;
    println!(
        "{calls} calls by {CALLERS} callers in {seconds:.1} s: {answered} answered right, \
         asked {asked} times"
    );
    let flat =
        grown("server", memory.iter().map(|m| m.0)) & grown("client", memory.iter().map(|m| m.1));
    if answered == calls && asked == calls && flat {
        println!("every one answered once, with the right answer; memory flat");
        Ok(())
    } else {
        Err(io::Error::other("not as promised"))
    }
}

/// Takes numbers until none are left. Returns the number of correct responses.
async fn caller(soak: SoakClient, next: Arc<AtomicU64>, calls: u64) -> Result<u64> {
    let mut answered = 0;
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= calls {
            return Ok(answered);
        }
        let answer = soak.next(Numbered::new(number)).await?;
        if answer != Numbered::new(number + 1) {
            return Err(Error::data_loss(format!("{number} got another's answer")));
        }
        answered += 1;
    }
}

/// Samples the memory of server and client after equal numbers of calls.
async fn look(next: Arc<AtomicU64>, calls: u64, server: u32) -> io::Result<Vec<(u64, u64)>> {
    let mut looks = Vec::new();
    for look in 1..=SAMPLES {
        while next.load(Ordering::Relaxed) < calls * look / SAMPLES {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        looks.push((resident_bytes(server)?, resident_bytes(std::process::id())?));
    }
    Ok(looks)
}

/// Prints the memory samples, and returns whether memory stayed flat after the warm-up.
fn grown(who: &str, looks: impl Iterator<Item = u64>) -> bool {
    let looks: Vec<u64> = looks.collect();
    let warm = looks[WARM_UP_SAMPLES..looks.len() / 2]
        .iter()
        .max()
        .copied()
        .unwrap_or(0);
    let late = looks[looks.len() / 2..].iter().max().copied().unwrap_or(0);
    let kib: Vec<String> = looks
        .iter()
        .map(|bytes| (bytes >> 10).to_string())
        .collect();
    println!("{who} resident KiB: {}", kib.join(" "));
    late <= warm + MAX_GROWTH
}
