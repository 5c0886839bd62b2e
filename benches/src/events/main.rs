//! Durable streams under load: beside raw appends, counted by the million, killed in the midst.
//!
//! ```text
//! cargo run --release -p micro-benches --bin events                  # all of it
//! cargo run --release -p micro-benches --bin events -- append        # beside raw files
//! cargo run --release -p micro-benches --bin events -- count 1000000 # every one once, in order
//! cargo run --release -p micro-benches --bin events -- kill 1000000  # the consumer, five times
//! ```

mod append;
mod count;
mod kill;

use std::io;
use std::path::{Path, PathBuf};

use tokio::runtime::Runtime;

/// A directory that goes away. In the working directory: what is temporary may be memory.
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
    let number = |at: usize| words.get(at).and_then(|word| word.parse::<u64>().ok());
    let many = number(1).unwrap_or(1_000_000);
    let runtime = Runtime::new()?;
    let which = words.first().map_or("all", String::as_str);
    if which == "consume" {
        let dir = words.get(1).map(Path::new);
        let dir = dir.ok_or_else(|| io::Error::other("consume <directory>"))?;
        return runtime
            .block_on(kill::consume(dir))
            .map_err(io::Error::other);
    }
    if !["all", "append", "count", "kill"].contains(&which) {
        return Err(io::Error::other(
            "append, count or kill, and how many events",
        ));
    }
    let scratch = Scratch::new()?;
    let is = |name: &str| which == "all" || which == name;
    runtime.block_on(async {
        if is("append") {
            append::run(&scratch).await?;
        }
        if is("count") {
            count::run(&scratch, many).await?;
        }
        if is("kill") {
            kill::run(&scratch, many).await?;
        }
        Ok(())
    })
}
