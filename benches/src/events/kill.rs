//! A consumer that is killed and restarted five times: no event is lost, and duplicates are
//! counted.

use std::io::{self, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use micro::Error;
use micro::events::{Config, Events, File, Fsync, Options};

use crate::{Scratch, count};

const KILLS: u64 = 5;

fn open(dir: &Path) -> Events {
    Events::new(File::new(Config::new(dir).with_sync(Fsync::Interval)))
}

/// Consumes all events. Reports each number before acknowledging it.
pub(crate) async fn consume(dir: &Path) -> Result<(), Error> {
    let events = open(dir);
    let mut consumer = events.consume("count", "g", Options::new()).await?;
    let mut tasks = tokio::task::JoinSet::new();
    let mut left = events.lag("count", "g").await?;
    let mut say = io::stdout();
    while left > 0 {
        let Some(delivery) = consumer.next().await else {
            break;
        };
        let delivery = delivery?;
        // The pipe receives the number before the log receives the acknowledgement.
        let told = say
            .write_all(&delivery.record().event.payload)
            .and_then(|()| say.flush());
        told.map_err(|error| Error::unavailable("nobody listens").with_source(error))?;
        left -= 1;
        tasks.spawn(delivery.ack());
        while tasks.try_join_next().is_some() {}
    }
    while let Some(settled) = tasks.join_next().await {
        settled.map_err(|error| Error::internal("a task is lost").with_source(error))??;
    }
    events.close().await
}

/// Runs a consumer until it has reported a number of events, and records them.
fn listen(dir: &Path, until: u64, seen: &mut [u32]) -> io::Result<u64> {
    let mut child = Command::new(std::env::current_exe()?)
        .arg("consume")
        .arg(dir)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut output = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
    let (mut number, mut count) = ([0; 8], 0);
    loop {
        match output.read_exact(&mut number) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => break,
            Err(error) => return Err(error),
        }
        count += 1;
        let place = usize::try_from(u64::from_le_bytes(number)).ok();
        let times = place.and_then(|place| seen.get_mut(place));
        *times.ok_or_else(|| io::Error::other("an event that was never appended"))? += 1;
        if count == until {
            child.kill()?;
        }
    }
    let status = child.wait()?;
    if status.success() || count >= until {
        Ok(count)
    } else {
        Err(io::Error::other("it failed"))
    }
}

/// Prints the results.
pub(crate) async fn run(scratch: &Scratch, many: u64) -> io::Result<()> {
    let dir = scratch.path("kill");
    let events = open(&dir);
    count::append(&events, many)
        .await
        .map_err(io::Error::other)?;
    events.close().await.map_err(io::Error::other)?;
    let mut seen = vec![0_u32; usize::try_from(many).map_err(io::Error::other)?];
    let (start, mut delivered) = (Instant::now(), 0);
    for kill in 0..=KILLS {
        let until = if kill < KILLS {
            many / (KILLS + 2)
        } else {
            u64::MAX
        };
        delivered += listen(&dir, until, &mut seen)?;
    }
    let lost = seen.iter().filter(|times| **times == 0).count();
    let again = seen.iter().filter(|times| **times > 1).count();
    let events = open(&dir);
    let lag = events.lag("count", "g").await.map_err(io::Error::other)?;
    events.close().await.map_err(io::Error::other)?;
    println!(
        "file, consumer killed {KILLS} times: {many} appended, {delivered} delivered, {lost} lost, \
         {again} came again, {lag} left; {:.1} s",
        start.elapsed().as_secs_f64()
    );
    if (lost, lag) == (0, 0) {
        Ok(())
    } else {
        Err(io::Error::other("not as promised"))
    }
}
