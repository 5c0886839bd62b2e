//! Tests of a full disk that has free space again later.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use super::{all, open, scratch};
use crate::{Config, File};
use micro_events::{Events, Options};
use micro_message::error::ErrorKind;

/// Appends until an append fails. Returns the number of successful appends.
async fn fill(events: &Events) -> usize {
    for count in 0.. {
        match events.append_to("a", vec![7; 100]).await {
            Ok(offset) => assert_eq!(offset, count),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::ResourceExhausted, "{error:?}");
                assert!(error.message().contains("the disk is full"), "{error}");
                return usize::try_from(count).unwrap();
            }
        }
    }
    unreachable!("a disk has an end")
}

#[tokio::test]
async fn a_full_disk_refuses_whole_and_takes_again() {
    for room in (0..4000).step_by(113) {
        let dir = scratch();
        let left = Arc::new(AtomicI64::new(room));
        let mut config = Config::new(dir.path()).with_segment(400);
        config.room.left = Some(Arc::clone(&left));
        let events = Events::new(File::new(config));
        let taken = fill(&events).await;
        left.store(0, Ordering::SeqCst);
        assert!(events.append_to("a", "x").await.is_err());
        left.store(10_000, Ordering::SeqCst);
        let next = events.append_to("a", "y").await.unwrap();
        assert_eq!(next, taken as u64, "with {room} bytes");
        assert_eq!(all(&events, "a").await.unwrap().len(), taken + 1);

        let mut group = events.consume("a", "g", Options::new()).await.unwrap();
        let delivery = group.next().await.unwrap().unwrap();
        left.store(10, Ordering::SeqCst);
        let error = delivery.ack().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ResourceExhausted);
        left.store(10_000, Ordering::SeqCst);
        let again = group.next().await.unwrap().unwrap();
        assert_eq!((again.record().offset, again.attempt()), (0, 2));
        again.ack().await.unwrap();
        events.close().await.unwrap();

        let events = open(dir.path());
        assert_eq!(events.lag("a", "g").await.unwrap(), taken as u64 + 1);
        assert_eq!(all(&events, "a").await.unwrap().len(), taken + 2);
        events.close().await.unwrap();
    }
}

/// A file system of half a megabyte, unmounted when dropped.
struct Small<'a>(&'a Path);

impl Drop for Small<'_> {
    fn drop(&mut self) {
        let done = Command::new("umount").arg(self.0).status();
        if !done.is_ok_and(|status| status.success()) {
            eprintln!("{} stays mounted", self.0.display());
        }
    }
}

#[tokio::test]
#[ignore = "needs root, to mount a small tmpfs"]
async fn needs_root_a_disk_that_is_really_full() {
    let dir = scratch();
    std::fs::create_dir_all(dir.path()).unwrap();
    let mount = ["-t", "tmpfs", "-o", "size=512k", "tmpfs"];
    let status = Command::new("mount").args(mount).arg(dir.path()).status();
    assert!(status.unwrap().success());
    let small = Small(dir.path());
    let ballast = dir.path().join("ballast");
    std::fs::write(&ballast, vec![0; 100 << 10]).unwrap();
    let events = Events::new(File::new(Config::new(dir.path()).with_segment(64 << 10)));
    let taken = fill(&events).await;
    assert!(events.append_to("a", vec![7; 5000]).await.is_err());
    std::fs::remove_file(&ballast).unwrap();
    assert_eq!(events.append_to("a", "y").await.unwrap(), taken as u64);
    assert_eq!(all(&events, "a").await.unwrap().len(), taken + 1);
    events.close().await.unwrap();
    let events = open(dir.path());
    assert_eq!(all(&events, "a").await.unwrap().len(), taken + 2);
    events.close().await.unwrap();
    println!("a disk of 512 KiB took {taken} appends, refused, and took again");
    drop(small);
}
