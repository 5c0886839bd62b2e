//! Appends per second, compared with a file that is written and synced directly in the same way.

use std::fs::{File as RawFile, OpenOptions};
use std::io::{self, Write};
use std::time::{Duration, Instant};

use micro::events::{Config, Events, File, Fsync, Memory};

use crate::Scratch;

const SIZE: usize = 100;
/// Size of a record without its payload, in bytes.
const FRAME: usize = 33;
const MAX_DURATION: Duration = Duration::from_secs(2);
const ROUNDS: usize = 3;

/// Appends from a number of callers. Returns the rate per second.
async fn ours(events: &Events, callers: usize) -> io::Result<f64> {
    let start = Instant::now();
    let tasks: Vec<_> = (0..callers)
        .map(|_| {
            let events = events.clone();
            tokio::spawn(async move {
                let mut count = 0_u32;
                while start.elapsed() < MAX_DURATION {
                    events.append_to("load", vec![7; SIZE]).await?;
                    count += 1;
                }
                Ok::<_, micro::Error>(count)
            })
        })
        .collect();
    let mut count = 0;
    for task in tasks {
        count += task
            .await
            .map_err(io::Error::other)?
            .map_err(io::Error::other)?;
    }
    Ok(f64::from(count) / start.elapsed().as_secs_f64())
}

/// Writes the same bytes directly: one thread, one write per append, `together` appends per sync.
fn raw(mut file: RawFile, sync: Fsync, together: u32) -> io::Result<f64> {
    let record = [7; SIZE + FRAME];
    let (start, mut count) = (Instant::now(), 0_u32);
    while start.elapsed() < MAX_DURATION {
        for _ in 0..together {
            file.write_all(&record)?;
        }
        if sync == Fsync::Always {
            file.sync_data()?;
        }
        count += together;
    }
    Ok(f64::from(count) / start.elapsed().as_secs_f64())
}

fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

/// Prints a line for each sync mode and number of callers.
pub(crate) async fn run(scratch: &Scratch) -> io::Result<()> {
    println!("appends of {SIZE} bytes a second, medians of {ROUNDS} alternations");
    for sync in [Fsync::Always, Fsync::Never] {
        for callers in [1_u32, 64] {
            let (mut log, mut hand) = (Vec::new(), Vec::new());
            for round in 0..ROUNDS {
                let name = format!("{sync:?}-{callers}-{round}");
                let config = Config::new(scratch.path(&name)).with_sync(sync);
                let events = Events::new(File::new(config));
                log.push(ours(&events, callers as usize).await?);
                events.close().await.map_err(io::Error::other)?;
                let path = scratch.path(&format!("raw-{name}"));
                let file = OpenOptions::new().append(true).create(true).open(path)?;
                hand.push(raw(file, sync, callers)?);
            }
            let (log, hand) = (median(log), median(hand));
            println!(
                "file, sync {sync:?}, {callers:>2} callers: {log:>9.0}; by hand, {callers:>2} a \
                 sync: {hand:>9.0}; {:.2} x",
                log / hand
            );
        }
    }
    for callers in [1, 64] {
        let events = Events::new(Memory::new());
        let rate = ours(&events, callers).await?;
        println!("memory, {callers:>2} callers: {rate:>9.0}");
    }
    Ok(())
}
