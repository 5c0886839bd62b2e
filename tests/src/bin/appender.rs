//! Appends and acknowledges events until it is killed, and reports each completed operation.
//!
//! `appender <directory> <sync> <run>`: each line ends with a dot, so that an incomplete line is
//! recognized.

use std::path::PathBuf;
use std::process::exit;

use micro::events::{Config, Event, Events, File, Fsync, Options};
use micro::prelude::*;

/// Payload of a kill test: `run.writer.number`, the index in the batch and the batch's size, and a
/// number of letters that depends on them.
fn payload(name: &str, at: usize, of: usize) -> String {
    let letters = name.bytes().map(usize::from).sum::<usize>() * (at + 1) % 700;
    format!("{name} {at} {of} {}", "x".repeat(letters))
}

async fn write(events: Events, run: String, writer: usize) -> Result<()> {
    for number in 0.. {
        let of = 1 + (number * 7 + writer) % 4;
        let name = format!("{run}.{writer}.{number}");
        let batch = (0..of).map(|at| Event::new(payload(&name, at, of)).with_key(name.clone()));
        let offset = events.append_batch("all", batch).await?;
        println!("appended {offset} {of} {name} .");
    }
    Ok(())
}

async fn settle(events: Events) -> Result<()> {
    let mut consumer = events.consume("all", "group", Options::new()).await?;
    while let Some(delivery) = consumer.next().await {
        let delivery = delivery?;
        let offset = delivery.record().offset;
        println!("delivered {offset} .");
        delivery.ack().await?;
        println!("settled {offset} .");
    }
    Ok(())
}

async fn run(dir: PathBuf, sync: Fsync, run: String) -> Result<()> {
    let config = Config::new(dir).with_sync(sync).with_segment(20_000);
    let events = Events::new(File::new(config));
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(settle(events.clone()));
    for writer in 0..3 {
        tasks.spawn(write(events.clone(), run.clone(), writer));
    }
    match tasks.join_next().await {
        Some(Ok(ended)) => ended,
        _ => Err(Error::internal("a task is lost")),
    }
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [dir, sync, name] = &words[..] else {
        eprintln!("usage: appender <directory> always|never <run>");
        exit(2);
    };
    let sync = if sync == "never" {
        Fsync::Never
    } else {
        Fsync::Always
    };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    if let Err(error) = runtime.block_on(run(dir.into(), sync, name.clone())) {
        eprintln!("{error:?}");
        exit(1);
    }
}
