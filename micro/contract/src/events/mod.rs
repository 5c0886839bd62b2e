//! Contract of every event log backend.
//!
//! A [`Backend`](micro_events::Backend) guarantees the following:
//!
//! - `append` assigns consecutive offsets to the events of a topic and returns the first one. A
//!   record is read with all fields of its event, and the times of records never decrease.
//! - `read` starts at the earliest record, at the next record to be appended, or at an offset, and
//!   follows the end. An offset that is greater than the next offset or was removed fails with
//!   `OutOfRange`.
//! - A topic can be read and consumed before it exists.
//! - A group receives every record at least once, and its consumers share the records. A consumer
//!   takes no record before `next` is called, and holds at most `in_flight` deliveries. A group
//!   delivers at most `window` records, counted from its oldest unacknowledged one.
//! - A delivery that is dropped, nacked, or held for longer than `ack_wait` is delivered again,
//!   with the next number of `attempt`. A late `ack` is valid. A late `nack` or `extend` fails with
//!   `FailedPrecondition`.
//! - After `retries`, or by `dead_letter`, an event is appended to the dead-letter topic with the
//!   metadata `dead-topic`, `dead-offset`, `dead-group`, `dead-attempts` and `dead-reason` (in
//!   ASCII, escaped as by [`char::escape_default`]). The record then counts as acknowledged.
//! - `lag` counts the records that a group has not acknowledged.
//! - `close` ends readers with `Unavailable`, and ends consumers. Later operations fail. Closing
//!   again is not an error.
//! - With `time`, a reader can start at the first record with a time or later.
//! - With `ordered`, the next record of a key is not delivered while an earlier one is
//!   unacknowledged.
//! - With `remembers`, an event whose id is in the topic is not appended again.
//! - With `trim`, trimmed offsets fail with `OutOfRange`, offsets continue, and groups skip trimmed
//!   records.
//! - With `delete`, readers of a deleted topic end with `Aborted`, its consumers end, its groups
//!   are removed, and the topic can be created again.
//! - With `durable`, records, groups and (with `remembers`) ids survive a restart.
//!
//! A backend that can append and fetch gets groups from [`Log`](micro_events::log::Log) and
//! [`LogBackend`](micro_events::log::LogBackend). A backend whose server has groups implements them
//! itself.

mod failing;
mod groups;
mod ids;
mod lifetime;
mod order;
mod reading;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use micro_events::{Capabilities, Consumer, Delivery, Event, Events, Options, Record, Records};
use tokio::time::timeout;

use crate::{DEADLINE, report_skipped, unique_prefix};

pub use self::failing::{
    a_late_ack_counts_and_a_late_nack_does_not, dead_letters_go_where_the_options_say,
    each_group_has_its_dead_letter, poison_goes_to_the_dead_letters_and_the_rest_flows,
    what_is_not_settled_comes_again,
};
pub use self::groups::{
    a_group_begins_where_it_says_and_goes_on_where_it_was, consumers_share_their_group,
    each_group_gets_everything, in_flight_and_window_bound_a_group, lag_counts_what_is_not_settled,
};
pub use self::ids::{
    ids_outlive_a_restart, one_id_is_appended_once, one_id_of_many_at_once_is_appended_once,
};
pub use self::lifetime::{
    a_close_ends_everything, a_deleted_topic_begins_anew, a_restart_keeps_everything,
    trimmed_is_gone_and_the_rest_stays, what_it_cannot_is_unimplemented,
};
pub use self::order::{a_key_is_served_in_order, a_key_waits_for_its_oldest};
pub use self::reading::{
    a_reader_follows_the_end, appends_of_many_are_each_there_once, everything_of_an_event_survives,
    offsets_follow_each_other, reading_begins_at_a_time, reading_begins_where_it_says,
    topics_are_kept_apart,
};

/// An event log, a closure that opens it again, and names that are unique to a case.
pub struct World {
    /// The open log.
    pub events: Events,
    opener: Box<dyn Opener>,
    prefix: String,
}

impl World {
    /// Opens a log. If `open` is called again after the log was closed, it must open the same
    /// storage.
    pub async fn open(open: impl AsyncFn() -> Events + 'static) -> Self {
        Self {
            events: open().await,
            opener: Box::new(open),
            prefix: unique_prefix(),
        }
    }

    /// Returns a topic name that is unique to this case.
    pub fn topic(&self, what: &str) -> String {
        format!("{}.{what}", self.prefix)
    }

    /// Closes the log and opens it again.
    async fn reopen(&mut self) {
        self.events.close().await.unwrap();
        self.events = self.opener.open().await;
    }

    /// The topics of this case.
    async fn topics(&self) -> Vec<String> {
        let mut topics = self.events.topics().await.unwrap();
        let own = self.topic("");
        topics.retain(|topic| topic.starts_with(&own));
        topics.sort();
        topics
    }

    fn capabilities(&self) -> Capabilities {
        self.events.capabilities()
    }

    /// Returns whether the backend has a capability. If it does not, reports that the case is
    /// skipped.
    fn can(&self, capability: bool, what: &str) -> bool {
        if !capability {
            report_skipped(self.events.scheme(), what);
        }
        capability
    }

    /// Appends an event and returns its offset.
    async fn append(&self, topic: &str, event: impl Into<Event>) -> u64 {
        self.events.append_to(topic, event).await.unwrap()
    }

    /// Appends the numbers from 0 on and returns the offset of the first.
    async fn append_numbers(&self, topic: &str, count: usize) -> u64 {
        let batch = (0..count).map(|number| Event::new(number.to_string()));
        self.events.append_batch(topic, batch).await.unwrap()
    }

    async fn read(&self, topic: &str, start: micro_events::Start) -> Records {
        self.events.read(topic, start).await.unwrap()
    }

    async fn consumer(&self, topic: &str, group: &str) -> Consumer {
        self.consumer_with(topic, group, Options::new()).await
    }

    async fn consumer_with(&self, topic: &str, group: &str, options: Options) -> Consumer {
        self.events.consume(topic, group, options).await.unwrap()
    }

    async fn lag(&self, topic: &str, group: &str) -> u64 {
        self.events.lag(topic, group).await.unwrap()
    }

    /// Asserts that a consumer receives nothing while marker events pass through another topic of
    /// the log.
    async fn assert_nothing_for(&self, consumer: &mut Consumer) {
        let topic = self.topic(&format!("markers-{:08x}", fastrand::u32(..)));
        let markers = async {
            let mut other = self.consumer(&topic, "markers").await;
            for _ in 0..MARKERS {
                self.append(&topic, "marker").await;
                assert_eq!(take(&mut other).await, "marker");
            }
        };
        tokio::select! {
            biased;
            next = consumer.next() => panic!("{next:?} was delivered"),
            () = markers => {}
        }
    }

    /// Asserts that a group receives nothing but a marker event that is appended now.
    async fn assert_nothing_but_a_marker(&self, topic: &str, consumer: &mut Consumer) {
        let offset = self.append(topic, "marker").await;
        let delivery = delivery(consumer).await;
        let found = (delivery.record().offset, delivery.attempt());
        assert_eq!(found, (offset, 1), "{delivery:?}");
        delivery.ack().await.unwrap();
    }
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World")
            .field("events", &self.events)
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}

/// Number of markers that must pass before a consumer counts as having received nothing.
const MARKERS: usize = 3;

/// An `ack_wait` for cases in which it expires. No case depends on being faster.
const SHORT: Duration = Duration::from_millis(100);

/// Object-safe counterpart of the closure that [`World::open`] takes.
trait Opener {
    fn open(&self) -> Pin<Box<dyn Future<Output = Events> + '_>>;
}

impl<F: AsyncFn() -> Events> Opener for F {
    fn open(&self) -> Pin<Box<dyn Future<Output = Events> + '_>> {
        Box::pin(self())
    }
}

/// Returns the next record within the deadline.
async fn record(records: &mut Records) -> Record {
    let next = timeout(DEADLINE, records.next()).await;
    next.expect("a record in time").expect("a record").unwrap()
}

/// Returns the next delivery within the deadline.
async fn delivery(consumer: &mut Consumer) -> Delivery {
    let next = timeout(DEADLINE, consumer.next()).await;
    let next = next.expect("a delivery in time");
    next.expect("a delivery").unwrap()
}

/// Takes the next delivery, acknowledges it, and returns its payload.
async fn take(consumer: &mut Consumer) -> String {
    let delivery = delivery(consumer).await;
    let payload = text(delivery.record());
    delivery.ack().await.unwrap();
    payload
}

fn text(record: &Record) -> String {
    String::from_utf8(record.event.payload.to_vec()).unwrap()
}
