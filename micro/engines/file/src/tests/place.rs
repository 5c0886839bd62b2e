//! Tests of the directory: created on first use, locked by one process, cleared of deleted topics.

use std::fs;
use std::time::Duration;

use super::{all, files, open, scratch};
use crate::{Config, File, Fsync};
use micro_events::{Event, Events, Options, Start, Trim};
use micro_message::error::ErrorKind;

#[tokio::test]
async fn nothing_is_made_before_the_first_use() {
    let dir = scratch();
    let events = open(dir.path());
    assert!(!dir.path().exists());
    drop(events.clone());
    events.close().await.unwrap();
    assert!(!dir.path().exists());
    let events = open(dir.path());
    assert_eq!(events.topics().await.unwrap(), Vec::<String>::new());
    assert!(dir.path().join("lock").exists());
}

#[tokio::test]
async fn a_second_opening_is_refused_and_told_who_has_it() {
    let dir = scratch();
    let first = open(dir.path());
    first.append_to("a", "x").await.unwrap();
    let second = open(dir.path());
    let error = second.append_to("a", "x").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::FailedPrecondition);
    let shown = dir.path().display().to_string();
    for part in [
        &*shown,
        "in use by this process already, clone its `Events`",
    ] {
        assert!(error.message().contains(part), "{part}: {error}");
    }
    let holder = fs::read_to_string(dir.path().join("lock")).unwrap();
    assert_eq!(holder.trim(), std::process::id().to_string());
    first.close().await.unwrap();
    // The failed log is not closed; it can open the directory later.
    second.append_to("a", "y").await.unwrap();
    assert_eq!(all(&second, "a").await.unwrap().len(), 2);
}

#[tokio::test]
async fn what_a_deletion_left_is_cleared() {
    let dir = scratch();
    let trash = dir.path().join("trash-0123");
    fs::create_dir_all(&trash).unwrap();
    fs::write(trash.join("00000000000000000000.log"), "x").unwrap();
    open(dir.path()).topics().await.unwrap();
    assert!(!trash.exists());
}

#[tokio::test]
async fn old_segments_go_and_what_is_kept_is_bounded() {
    let dir = scratch();
    let config = || Config::new(dir.path()).with_segment(1000);
    let events = Events::new(File::new(config().with_bytes(3000)));
    for _ in 0..100 {
        events.append_to("big", vec![7; 100]).await.unwrap();
    }
    let bytes = |topic| {
        let sizes = files(dir.path(), topic, "log").into_iter();
        sizes
            .map(|file| fs::metadata(file).unwrap().len())
            .sum::<u64>()
    };
    assert!((3000..5000).contains(&bytes("big")), "{}", bytes("big"));
    let first = all(&events, "big").await.unwrap()[0].offset;
    assert!((50..90).contains(&first), "{first}");
    events.trim("big", Trim::Bytes(1)).await.unwrap();
    assert_eq!(files(dir.path(), "big", "log").len(), 1);
    events.close().await.unwrap();

    let events = Events::new(File::new(config().with_age(Duration::from_nanos(1))));
    for _ in 0..40 {
        events.append_to("brief", vec![7; 100]).await.unwrap();
    }
    assert!(files(dir.path(), "brief", "log").len() <= 2);
    events.close().await.unwrap();
}

#[tokio::test]
async fn every_way_of_syncing_survives_a_close() {
    for sync in [Fsync::Always, Fsync::Interval, Fsync::Never] {
        let dir = scratch();
        let open = || Events::new(File::new(Config::new(dir.path()).with_sync(sync)));
        let events = open();
        for number in 0..30_u32 {
            events
                .append_to("a", number.to_string().into_bytes())
                .await
                .unwrap();
        }
        events.close().await.unwrap();
        assert_eq!(all(&open(), "a").await.unwrap().len(), 30, "{sync:?}");
    }
}

#[tokio::test]
async fn a_groups_file_is_written_anew_and_says_the_same() {
    let dir = scratch();
    let events = Events::new(File::new(Config::new(dir.path()).with_sync(Fsync::Never)));
    let batch = || (0..5000).map(|_| Event::new("x"));
    events.append_batch("a", batch()).await.unwrap();
    let mut group = events.consume("a", "g", Options::new()).await.unwrap();
    for number in 0..5000 {
        let delivery = group.next().await.unwrap().unwrap();
        if number == 4321 {
            delivery.nack(Duration::from_secs(60)).await.unwrap();
        } else {
            delivery.ack().await.unwrap();
        }
    }
    let size = fs::metadata(&files(dir.path(), "a", "group")[0])
        .unwrap()
        .len();
    assert!(size < 30_000, "{size}");
    events.close().await.unwrap();
    let events = open(dir.path());
    assert_eq!(events.lag("a", "g").await.unwrap(), 1);
    let mut group = events.consume("a", "g", Options::new()).await.unwrap();
    let left = group.next().await.unwrap().unwrap();
    assert_eq!((left.record().offset, left.attempt()), (4321, 2));
    left.ack().await.unwrap();
    events.close().await.unwrap();
}

#[tokio::test]
async fn a_newer_format_is_refused() {
    let dir = scratch();
    let events = open(dir.path());
    events.append_to("a", "x").await.unwrap();
    events.close().await.unwrap();
    let file = &files(dir.path(), "a", "log")[0];
    let mut bytes = fs::read(file).unwrap();
    bytes[8] = 9;
    let sum = crate::crc::crc32c(&bytes[..28], &[]);
    bytes[28..32].copy_from_slice(&sum.to_le_bytes());
    fs::write(file, bytes).unwrap();
    let events = open(dir.path());
    let error = events.read("a", Start::Earliest).await.unwrap_err();
    assert!(
        error
            .message()
            .contains("has format 9, this program reads 1"),
        "{error}"
    );
}
