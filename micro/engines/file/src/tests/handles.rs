//! Tests of the limit of open files, and of files that are replaced while they are open.

use std::fs;
use std::path::Path;

use super::{all, open, scratch};
use crate::{Config, File, Fsync};
use micro_events::{Events, Options, Start};
use micro_message::error::ErrorKind;

/// Number of files in a directory that this process has open.
#[cfg(target_os = "linux")]
fn open_files(dir: &Path) -> usize {
    let open = fs::read_dir("/proc/self/fd").unwrap();
    let targets = open.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
    let topics = dir.join("topics");
    targets.filter(|target| target.starts_with(&topics)).count()
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn no_more_files_are_open_than_was_said_and_nothing_is_lost_for_it() {
    for sync in [Fsync::Always, Fsync::Interval, Fsync::Never] {
        let dir = scratch();
        let config = || Config::new(dir.path()).with_sync(sync).with_open_files(16);
        let events = Events::new(File::new(config()));
        let topics = 100;
        for round in 0..3_u64 {
            for topic in 0..topics {
                let name = format!("topic-{topic}");
                assert_eq!(events.append_to(&name, "x").await.unwrap(), round);
                let mut group = events.consume(&name, "g", Options::new()).await.unwrap();
                let delivery = group.next().await.unwrap().unwrap();
                assert_eq!(delivery.record().offset, round);
                delivery.ack().await.unwrap();
                // While a file is being replaced, one more file is open.
                let found = open_files(dir.path());
                assert!(found <= 17, "{found} are open");
            }
        }
        events.close().await.unwrap();
        let events = Events::new(File::new(config()));
        for topic in 0..topics {
            let name = format!("topic-{topic}");
            assert_eq!(events.lag(&name, "g").await.unwrap(), 0);
            assert_eq!(all(&events, &name).await.unwrap().len(), 3);
        }
        events.close().await.unwrap();
    }
}

#[tokio::test]
async fn a_file_that_is_closed_for_another_is_synced_all_the_same() {
    let dir = scratch();
    let config = Config::new(dir.path())
        .with_sync(Fsync::Never)
        .with_open_files(1);
    let room = config.room.clone();
    let events = Events::new(File::new(config));
    for topic in ["a", "b", "c", "d"] {
        events.append_to(topic, "x").await.unwrap();
    }
    events.close().await.unwrap();
    let length = super::files(dir.path(), "a", "log").pop().unwrap();
    let length = fs::metadata(length).unwrap().len();
    let synced = room.synced.lock().unwrap().clone();
    let whole = synced.iter().filter(|(_, synced)| *synced == length);
    assert_eq!(whole.count(), 4, "{synced:?}");
}

/// Name of the case, how it makes an open directory inaccessible, and how to restore it.
type Loss = (&'static str, fn(&Path), Option<fn(&Path)>);

fn away(dir: &Path) -> std::path::PathBuf {
    dir.with_extension("away")
}

const LOSSES: [Loss; 6] = [
    (
        "the topic is renamed",
        |dir| fs::rename(dir.join("topics/a"), dir.join("topics/b")).unwrap(),
        Some(|dir| fs::rename(dir.join("topics/b"), dir.join("topics/a")).unwrap()),
    ),
    (
        "the topic is removed",
        |dir| fs::remove_dir_all(dir.join("topics/a")).unwrap(),
        None,
    ),
    (
        "the topic is replaced",
        |dir| {
            fs::remove_dir_all(dir.join("topics/a")).unwrap();
            fs::create_dir(dir.join("topics/a")).unwrap();
        },
        None,
    ),
    (
        "all is removed",
        |dir| fs::remove_dir_all(dir).unwrap(),
        None,
    ),
    (
        "all is renamed",
        |dir| fs::rename(dir, away(dir)).unwrap(),
        Some(|dir| fs::rename(away(dir), dir).unwrap()),
    ),
    (
        "the file is removed",
        |dir| fs::remove_file(super::files(dir, "a", "log").pop().unwrap()).unwrap(),
        None,
    ),
];

#[tokio::test]
async fn nothing_is_acknowledged_that_its_path_does_not_lead_to() {
    for (what, lose, find) in LOSSES {
        for (sync, segment, closed) in [
            (Fsync::Always, 1 << 20, false),
            (Fsync::Never, 1 << 20, false),
            // The next append starts a segment.
            (Fsync::Always, 1, false),
            // The file is closed at this moment.
            (Fsync::Always, 1 << 20, true),
        ] {
            let dir = scratch();
            let config = Config::new(dir.path())
                .with_sync(sync)
                .with_segment(segment);
            let config = config.with_open_files(if closed { 1 } else { 9 });
            let events = Events::new(File::new(config));
            events.append_to("a", "x").await.unwrap();
            let mut group = events.consume("a", "g", Options::new()).await.unwrap();
            let delivery = group.next().await.unwrap().unwrap();
            if closed {
                events.append_to("other", "x").await.unwrap();
            }
            lose(dir.path());
            for _ in 0..3 {
                let error = events.append_to("a", "y").await.unwrap_err();
                assert_eq!(
                    error.kind(),
                    ErrorKind::FailedPrecondition,
                    "{what}: {error}"
                );
                let shown = dir.path().display().to_string();
                assert!(error.message().contains(&shown), "{what}: {error}");
            }
            if what != "the file is removed" {
                let error = delivery.ack().await.unwrap_err();
                assert!(
                    error.message().contains("was removed, renamed"),
                    "{what}: {error}"
                );
            }
            if what.starts_with("all") {
                let new = events.append_to("new", "y").await;
                assert!(new.is_err(), "{what}: without a lock two could write");
            }
            if let Some(find) = find {
                find(dir.path());
                assert_eq!(events.append_to("a", "y").await.unwrap(), 1, "{what}");
                let mut records = events.read("a", Start::Earliest).await.unwrap();
                for payload in ["x", "y"] {
                    let record = records.next().await.unwrap().unwrap();
                    assert_eq!(record.event.payload, payload);
                }
            }
            drop(group);
            drop(events);
        }
    }
}

#[tokio::test]
async fn a_topic_that_is_deleted_in_order_is_made_anew() {
    let dir = scratch();
    let events = open(dir.path());
    for _ in 0..2 {
        events.append_to("a", "x").await.unwrap();
        events.delete("a").await.unwrap();
    }
    assert_eq!(events.append_to("a", "y").await.unwrap(), 0);
    // Delete also works if the directory was removed by hand.
    fs::remove_dir_all(dir.path().join("topics/a")).unwrap();
    assert!(events.append_to("a", "z").await.is_err());
    events.delete("a").await.unwrap();
    assert_eq!(events.append_to("a", "z").await.unwrap(), 0);
    events.close().await.unwrap();
}

/// Measures the cost of more topics than open files: `cargo test --release -p micro-file --lib
/// many_topics -- --ignored --nocapture`.
#[cfg(target_os = "linux")]
#[tokio::test]
#[ignore = "needs a minute, and measures"]
async fn needs_time_many_topics_and_few_open_files() {
    for open in [256, 20_000] {
        let dir = scratch();
        let config = Config::new(dir.path()).with_sync(Fsync::Never);
        let events = Events::new(File::new(config.with_open_files(open)));
        let count = 2_000_u32;
        for round in 0..2 {
            let start = std::time::Instant::now();
            for topic in 0..count {
                events
                    .append_to(&format!("topic-{topic}"), "x")
                    .await
                    .unwrap();
            }
            let (each, files) = (start.elapsed() / count, open_files(dir.path()));
            println!("{open} files at most, round {round}: {files} open, {each:?} an append");
        }
        events.close().await.unwrap();
    }
}
