//! What every backend of events must do, run over each.
//!
//! Reads the backend's capabilities and asks for what it says it can do. Waits on conditions with a
//! deadline, as some backends are disks and networks; a slow machine makes no test fail.

mod failing;
mod groups;
mod ids;
mod life;
mod order;
mod reading;

use std::time::Duration;

use tokio::time::timeout;

use crate::{Config, Consumer, Delivery, Event, Events, File, Memory, Options, Record, Records};

/// More than any backend needs; only a failing test waits this long.
const PATIENCE: Duration = Duration::from_secs(30);

/// Runs the whole contract. `open` opens the same place each time, after it was closed.
async fn holds(open: impl Fn() -> Events) {
    let events = open();
    reading::offsets_follow_each_other(&events).await;
    reading::everything_of_an_event_survives(&events).await;
    reading::each_start_begins_where_it_says(&events).await;
    reading::a_reader_follows_the_end(&events).await;
    reading::appends_of_many_are_each_there_once(&events).await;
    reading::many_topics_are_kept_apart(&events).await;
    groups::each_group_gets_everything(&events).await;
    groups::consumers_share_their_group(&events).await;
    groups::a_group_begins_where_it_says_and_goes_on_where_it_was(&events).await;
    groups::bounds_hold(&events).await;
    groups::lag_counts_what_is_not_settled(&events).await;
    failing::what_is_not_settled_comes_again(&events).await;
    failing::a_late_ack_counts_and_a_late_nack_does_not(&events).await;
    failing::poison_goes_to_the_dead_letters_and_the_rest_flows(&events).await;
    failing::each_group_has_its_dead_letter(&events).await;
    if events.capabilities().remembers {
        ids::one_id_is_appended_once(&events).await;
        ids::one_id_of_many_at_once_is_appended_once(&events).await;
    }
    if events.capabilities().ordered {
        order::a_key_is_served_in_order(&events).await;
        order::a_key_waits_for_its_oldest(&events).await;
    }
    if events.capabilities().trim {
        life::trimmed_is_gone_and_the_rest_stays(&events).await;
    }
    if events.capabilities().delete {
        life::deleted_begins_anew(&events).await;
    }
    let mut events = life::a_close_ends_everything(events, &open).await;
    if events.capabilities().durable {
        if events.capabilities().remembers {
            events = ids::ids_outlive_a_restart(events, &open).await;
        }
        life::a_restart_keeps_everything(events, &open).await;
    }
}

/// The next record, in time.
async fn record(records: &mut Records) -> Record {
    let next = timeout(PATIENCE, records.next()).await;
    next.expect("a record in time").expect("a record").unwrap()
}

/// The next delivery, in time.
async fn delivery(consumer: &mut Consumer) -> Delivery {
    let next = timeout(PATIENCE, consumer.next()).await;
    next.expect("a delivery in time")
        .expect("a delivery")
        .unwrap()
}

/// Takes the next delivery and acknowledges it; its payload.
async fn take(consumer: &mut Consumer) -> String {
    let delivery = delivery(consumer).await;
    let payload = text(delivery.record());
    delivery.ack().await.unwrap();
    payload
}

/// Nothing comes just now.
async fn nothing(consumer: &mut Consumer) {
    let next = timeout(Duration::from_millis(50), consumer.next()).await;
    assert!(next.is_err(), "{next:?}");
}

fn text(record: &Record) -> String {
    String::from_utf8(record.event.payload.to_vec()).unwrap()
}

/// Appends numbers from 0 on; the offset of the first.
async fn numbers(events: &Events, topic: &str, count: usize) -> u64 {
    let batch = (0..count).map(|number| Event::new(number.to_string()));
    events.append_batch(topic, batch).await.unwrap()
}

async fn consumer(events: &Events, topic: &str, group: &str) -> Consumer {
    events.consume(topic, group, Options::new()).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn memory_keeps_the_contract() {
    holds(|| Events::new(Memory::new())).await;
}

#[tokio::test]
async fn file_keeps_the_contract() {
    let dir = crate::file::scratch();
    holds(|| Events::new(File::new(Config::new(dir.path())))).await;
}

#[tokio::test]
async fn file_in_small_segments_keeps_the_contract() {
    let dir = crate::file::scratch();
    holds(|| Events::new(File::new(Config::new(dir.path()).with_segment(300)))).await;
}
