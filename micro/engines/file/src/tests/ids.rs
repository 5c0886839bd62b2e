//! Tests of remembered ids across restarts, damage and full disks.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use super::{all, files, scratch};
use crate::{Config, File};
use micro_events::{Event, Events, Trim};

fn event(id: u32) -> Event {
    Event::new(id.to_string()).with_id(id.to_string())
}

async fn append(events: &Events, id: u32) -> u64 {
    events.append_to("a", event(id)).await.unwrap()
}

#[tokio::test]
async fn as_many_are_remembered_as_was_said_before_and_after_a_restart() {
    let dir = scratch();
    let open = |segment, remembered| {
        let config = Config::new(dir.path()).with_segment(segment);
        Events::new(File::new(config.with_remembered(remembered)))
    };
    let events = open(400, 10);
    for id in 0..40 {
        assert_eq!(append(&events, id).await, u64::from(id));
    }
    assert!(files(dir.path(), "a", "log").len() > 3);
    assert_eq!(
        [append(&events, 30).await, append(&events, 29).await],
        [30, 40]
    );
    events.close().await.unwrap();
    let events = open(400, 10);
    assert_eq!(
        [append(&events, 31).await, append(&events, 29).await],
        [31, 40]
    );
    assert_eq!(append(&events, 30).await, 41);
    // Ids of trimmed records are not remembered.
    events.trim("a", Trim::Before(42)).await.unwrap();
    assert_eq!(append(&events, 30).await, 42);
    events.close().await.unwrap();
    let events = open(400, 0);
    assert_eq!(
        [append(&events, 30).await, append(&events, 30).await],
        [43, 44]
    );
    events.close().await.unwrap();
}

#[tokio::test]
async fn what_a_full_disk_refused_is_not_remembered() {
    let dir = scratch();
    let left = Arc::new(AtomicI64::new(1 << 20));
    let mut config = Config::new(dir.path());
    config.room.left = Some(Arc::clone(&left));
    let events = Events::new(File::new(config));
    append(&events, 0).await;
    left.store(10, Ordering::SeqCst);
    for _ in 0..3 {
        assert!(events.append_to("a", event(1)).await.is_err());
        assert_eq!(append(&events, 0).await, 0);
    }
    left.store(1 << 20, Ordering::SeqCst);
    assert_eq!([append(&events, 1).await, append(&events, 1).await], [1, 1]);
    assert_eq!(all(&events, "a").await.unwrap().len(), 2);
}

#[tokio::test]
async fn ids_on_both_sides_of_damage_are_remembered() {
    let dir = scratch();
    let open = || Events::new(File::new(Config::new(dir.path())));
    let events = open();
    for id in 0..30 {
        append(&events, id).await;
    }
    events.close().await.unwrap();
    let file = &files(dir.path(), "a", "log")[0];
    let mut bytes = fs::read(file).unwrap();
    let at = bytes.len() / 2;
    bytes[at] ^= 1;
    fs::write(file, bytes).unwrap();
    let events = open();
    let mut anew = 0;
    for id in 0..30 {
        anew += u32::from(append(&events, id).await != u64::from(id));
    }
    assert_eq!(anew, 1);
    events.close().await.unwrap();
}
