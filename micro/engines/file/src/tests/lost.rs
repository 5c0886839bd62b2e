//! Tests of a log that has lost records its groups know, and of the order of syncs.

use std::fs;
use std::path::Path;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::{files, scratch, text};
use crate::{Config, File, Fsync};
use micro_events::{Consumer, Event, Events, Options, Start};

const PATIENCE: Duration = Duration::from_secs(20);

fn open(dir: &Path, segment: u64) -> Events {
    Events::new(File::new(Config::new(dir).with_segment(segment)))
}

async fn append(events: &Events, numbers: std::ops::Range<u64>) {
    for number in numbers {
        let event = format!("number {number}").into_bytes();
        assert_eq!(events.append_to("a", event).await.unwrap(), number);
    }
}

/// Takes the group's next delivery and acknowledges it.
async fn settled(group: &mut Consumer) -> (u64, String) {
    let next = timeout(PATIENCE, group.next()).await.expect("a record");
    let delivery = next.unwrap().unwrap();
    let found = (delivery.record().offset, text(delivery.record()));
    delivery.ack().await.unwrap();
    found
}

/// Creates a log of 40 records that is cut to 10, with two groups: one has settled all 40 records,
/// the other 5.
async fn cut(dir: &Path, segment: u64) {
    let events = open(dir, segment);
    append(&events, 0..10).await;
    let copies: Vec<_> = files(dir, "a", "log")
        .into_iter()
        .map(|file| (file.clone(), fs::read(file).unwrap()))
        .collect();
    append(&events, 10..40).await;
    let mut all = events.consume("a", "all", Options::new()).await.unwrap();
    let mut some = events.consume("a", "some", Options::new()).await.unwrap();
    for number in 0..40 {
        assert_eq!(settled(&mut all).await.0, number);
        if number < 5 {
            assert_eq!(settled(&mut some).await.0, number);
        }
    }
    events.close().await.unwrap();
    for file in files(dir, "a", "log") {
        fs::remove_file(file).unwrap();
    }
    for (file, bytes) in copies {
        fs::write(file, bytes).unwrap();
    }
}

#[tokio::test]
async fn a_log_that_lost_its_end_gives_no_offset_twice_and_every_group_gets_what_is_new() {
    for segment in [1, 400, 1 << 20] {
        let dir = scratch();
        cut(dir.path(), segment).await;
        // The result is the same however often the log is opened before the next write.
        for _ in 0..3 {
            let events = open(dir.path(), segment);
            assert_eq!(events.lag("a", "all").await.unwrap(), 0);
            events.close().await.unwrap();
        }
        for round in 0..2 {
            let events = open(dir.path(), segment);
            append(&events, 40 + round * 5..45 + round * 5).await;
            events.close().await.unwrap();
        }

        let events = open(dir.path(), segment);
        let mut all = events.consume("a", "all", Options::new()).await.unwrap();
        for number in 40..50 {
            assert_eq!(
                settled(&mut all).await,
                (number, format!("number {number}"))
            );
        }
        let mut some = events.consume("a", "some", Options::new()).await.unwrap();
        for number in (5..10).chain(40..50) {
            assert_eq!(
                settled(&mut some).await,
                (number, format!("number {number}"))
            );
        }
        for group in ["all", "some"] {
            assert_eq!(events.lag("a", group).await.unwrap(), 0);
        }
        for (start, first) in [
            (Start::Earliest, 0),
            (Start::Offset(9), 9),
            (Start::Offset(10), 40),
            (Start::Offset(39), 40),
            (Start::Offset(40), 40),
        ] {
            let mut records = events.read("a", start).await.unwrap();
            for number in (first..10).chain(first.max(40)..50) {
                let record = records.next().await.unwrap().unwrap();
                assert_eq!(record.offset, number, "from {start:?}");
            }
        }
        events.close().await.unwrap();
    }
}

#[tokio::test]
async fn a_log_without_any_segment_goes_on_behind_its_groups() {
    let dir = scratch();
    cut(dir.path(), 400).await;
    for file in files(dir.path(), "a", "log") {
        fs::remove_file(file).unwrap();
    }
    let events = open(dir.path(), 400);
    append(&events, 40..42).await;
    let mut some = events.consume("a", "some", Options::new()).await.unwrap();
    assert_eq!(settled(&mut some).await.0, 40);
    let mut records = events.read("a", Start::Earliest).await.unwrap();
    assert_eq!(records.next().await.unwrap().unwrap().offset, 40);
    events.close().await.unwrap();
}

#[tokio::test]
async fn a_reader_that_waits_at_the_end_crosses_the_gap() {
    let dir = scratch();
    cut(dir.path(), 1 << 20).await;
    let events = open(dir.path(), 1 << 20);
    let mut records = events.read("a", Start::Offset(9)).await.unwrap();
    assert_eq!(records.next().await.unwrap().unwrap().offset, 9);
    let waiting = tokio::spawn(async move { records.next().await });
    let mut some = events.consume("a", "some", Options::new()).await.unwrap();
    for number in 5..10 {
        assert_eq!(settled(&mut some).await.0, number);
    }
    append(&events, 40..41).await;
    assert_eq!(settled(&mut some).await.0, 40);
    let crossed = timeout(PATIENCE, waiting)
        .await
        .expect("it goes on")
        .unwrap();
    assert_eq!(crossed.unwrap().unwrap().offset, 40);
    events.close().await.unwrap();
}

#[tokio::test]
async fn trimming_takes_the_gap_along() {
    let dir = scratch();
    cut(dir.path(), 1 << 20).await;
    let events = open(dir.path(), 1 << 20);
    events
        .trim("a", micro_events::Trim::Before(u64::MAX))
        .await
        .unwrap();
    assert_eq!(files(dir.path(), "a", "log").len(), 1);
    append(&events, 40..41).await;
    let mut records = events.read("a", Start::Earliest).await.unwrap();
    assert_eq!(records.next().await.unwrap().unwrap().offset, 40);
    events.close().await.unwrap();
}

fn is_log(synced: &(String, u64)) -> bool {
    let found = Path::new(&synced.0).extension();
    found.is_some_and(|found| found == "log")
}

/// The last synced segment file and its length.
fn last_log(synced: &[(String, u64)]) -> Option<(String, u64)> {
    let mut logs = synced.iter().filter(|synced| is_log(synced));
    logs.next_back().cloned()
}

/// The segment file that is being written, and its length.
fn end(dir: &Path) -> (String, u64) {
    let file = files(dir, "a", "log").pop().unwrap();
    let name = file.file_name().unwrap().to_str().unwrap().to_owned();
    (name, fs::metadata(file).unwrap().len())
}

#[tokio::test]
async fn a_group_is_synced_after_the_records_that_it_has_settled() {
    for (sync, events, segment) in [
        (Fsync::Interval, 10, 1 << 20),
        (Fsync::Interval, 40, 400),
        // Enough steps that the group file is rewritten, which syncs it.
        (Fsync::Never, 4500, 1 << 20),
        (Fsync::Never, 4500, 40_000),
    ] {
        let dir = scratch();
        let config = Config::new(dir.path())
            .with_sync(sync)
            .with_segment(segment);
        let room = config.room.clone();
        let log = Events::new(File::new(config));
        let batch = (0..events).map(|number| Event::new(number.to_string()));
        // Create the group, and with it the directory, before any record.
        let mut group = log.consume("a", "g", Options::new()).await.unwrap();
        for event in batch {
            log.append_to("a", event).await.unwrap();
        }
        for number in 0..events {
            assert_eq!(settled(&mut group).await.0, number);
        }
        let written = end(dir.path());
        let of_group = |(name, _): &(String, u64)| name.contains(".group");
        let wait = async {
            loop {
                let synced = room.synced.lock().unwrap().clone();
                // Only the last sync covers all steps; earlier ones settled less.
                let settling = synced.iter().rposition(of_group);
                if let Some(at) = settling
                    && last_log(&synced[..at]).as_ref() == Some(&written)
                {
                    return synced;
                }
                let logs = synced.iter().filter(|synced| is_log(synced));
                assert!(
                    settling.is_none_or(|_| logs.count() > 0),
                    "{sync:?}: the group was synced before the log: {synced:?}"
                );
                sleep(Duration::from_millis(5)).await;
            }
        };
        let synced = timeout(PATIENCE, wait).await;
        assert!(
            synced.is_ok(),
            "{:?}: {written:?}",
            room.synced.lock().unwrap()
        );
        log.close().await.unwrap();
        // After the close, all segments are synced, including those that are no longer written.
        let synced = room.synced.lock().unwrap().clone();
        for file in files(dir.path(), "a", "log") {
            let name = file.file_name().unwrap().to_str().unwrap();
            let length = fs::metadata(&file).unwrap().len();
            let whole = (name.to_owned(), length);
            assert!(synced.contains(&whole), "{sync:?}: {whole:?} in {synced:?}");
        }
    }
}
