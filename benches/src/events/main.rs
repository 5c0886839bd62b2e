//! Events under load: compared with baselines, counted by the million, with killed processes.
//!
//! ```text
//! cargo run --release -p micro-benches --bin events [-- <what> [<how many>]]
//!
//! append       a log's appends, beside raw files
//! beside       memory broker beside a broadcast channel, http broker beside plain posts
//! latency      of an event from process to process, beside a plain post
//! count        through each log: each event once, in order
//! kill         a log's consumer, killed five times: nothing lost
//! broker       through each broker: each event once to each queue and subscriber, in order
//! broker-kill  through the http broker, a node killed five times: nothing lost
//! ```
//!
//! Without arguments, all modes run with a million events.

mod append;
mod beside;
mod count;
mod kill;
mod latency;
mod million;
mod node;
mod posts;
mod tally;

use std::io;
use std::path::{Path, PathBuf};

use tokio::runtime::Runtime;

/// The modes.
const MODES: [&str; 7] = [
    "append",
    "beside",
    "latency",
    "count",
    "kill",
    "broker",
    "broker-kill",
];

/// A directory that is removed at the end. It is in the working directory, because temporary
/// directories may be in memory.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> io::Result<Self> {
        let path = std::env::current_dir()?.join(format!("target/events-{}", std::process::id()));
        std::fs::create_dir_all(&path)?;
        Ok(Self(path))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// A registry for the processes of one measurement.
    fn registry(&self, name: &str) -> String {
        format!("host://{}", self.path(name).display())
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            eprintln!("{} stays behind: {error}", self.0.display());
        }
    }
}

fn main() -> io::Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let runtime = Runtime::new()?;
    if let Some(done) = runtime.block_on(child(&words)) {
        return done;
    }
    let number = |at: usize| words.get(at).and_then(|word| word.parse::<u64>().ok());
    let many = number(1).unwrap_or(1_000_000);
    let which = words.first().map_or("all", String::as_str);
    if which != "all" && !MODES.contains(&which) {
        let text = format!("one of `{}`, and how many events", MODES.join("`, `"));
        return Err(io::Error::other(text));
    }
    let scratch = Scratch::new()?;
    runtime.block_on(async {
        for mode in MODES {
            if which == "all" || which == mode {
                run(mode, &scratch, many).await?;
            }
        }
        Ok(())
    })
}

/// Runs the role in which this program was started by itself.
async fn child(words: &[String]) -> Option<io::Result<()>> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match *words {
        ["consume", dir] => {
            let consumed = kill::consume(Path::new(dir)).await;
            Some(consumed.map_err(io::Error::other))
        }
        ["node", registry, task, subscribers] => {
            let ran = node::run(registry, task, subscribers).await;
            Some(ran.map_err(io::Error::other))
        }
        ["posts"] => Some(posts::serve().await),
        _ => None,
    }
}

async fn run(mode: &str, scratch: &Scratch, many: u64) -> io::Result<()> {
    match mode {
        "append" => append::run(scratch).await,
        "beside" => beside::run(scratch).await,
        "latency" => latency::run(scratch).await,
        "count" => count::run(scratch, many).await,
        "kill" => kill::run(scratch, many).await,
        "broker" => million::run(scratch, many).await,
        _ => million::kill(scratch, many).await,
    }
}
