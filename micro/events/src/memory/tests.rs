//! Tests of the limits of the memory backend and of the ids that it remembers.

use super::*;
use crate::{Events, Start};
use micro_message::error::ErrorKind;

#[tokio::test]
async fn a_full_memory_refuses_and_takes_again_after_a_trim() {
    let events = Events::new(Memory::keeping((None, None), 4096, DEFAULT_RECENT_IDS));
    let big = || vec![7; 1000];
    let refused = loop {
        if let Err(error) = events.append_to("a", big()).await {
            break error;
        }
    };
    assert_eq!(refused.kind(), ErrorKind::ResourceExhausted);
    events.trim("a", Trim::Before(1)).await.unwrap();
    events.append_to("b", big()).await.unwrap();
    events.delete("a").await.unwrap();
    for _ in 0..2 {
        events.append_to("b", big()).await.unwrap();
    }
}

#[tokio::test]
async fn as_many_ids_are_remembered_as_was_said_of_what_is_kept() {
    let events = Events::new(Memory::keeping((None, None), MAX_BYTES, 2));
    let append = async |id: &str| {
        let event = Event::new("x").with_id(id);
        events.append_to("a", event).await.unwrap()
    };
    assert_eq!(
        [append("a").await, append("b").await, append("a").await],
        [0, 1, 0]
    );
    assert_eq!(
        [append("c").await, append("b").await, append("a").await],
        [2, 1, 3]
    );
    events.trim("a", Trim::Before(3)).await.unwrap();
    assert_eq!([append("c").await, append("a").await], [4, 3]);
    let events = Events::open("memory://?remembered=0").unwrap();
    for offset in 0..2 {
        let event = Event::new("x").with_id("a");
        assert_eq!(events.append_to("a", event).await.unwrap(), offset);
    }
}

#[tokio::test]
async fn a_refused_event_is_not_remembered() {
    let events = Events::new(Memory::keeping((None, None), 4096, DEFAULT_RECENT_IDS));
    let event = || Event::new(vec![7; 3000]).with_id("a");
    events.append_to("full", vec![7; 3000]).await.unwrap();
    assert!(events.append_to("a", event()).await.is_err());
    events.delete("full").await.unwrap();
    assert_eq!(events.append_to("a", event()).await.unwrap(), 0);
    let mut records = events.read("a", Start::Earliest).await.unwrap();
    assert_eq!(records.next().await.unwrap().unwrap().event, event());
}

#[tokio::test]
async fn a_name_that_nobody_waits_for_is_forgotten() {
    let memory = Memory::new();
    let events = Events::new(memory.clone());
    for name in ["a", "b", "c"] {
        drop(events.read(name, Start::Earliest).await.unwrap());
    }
    let names = memory.0.log.within(|world| Ok(world.topics.len())).unwrap();
    assert_eq!(names, 1);
    assert_eq!(events.topics().await.unwrap(), Vec::<String>::new());
}
