//! Contract of every broker backend.
//!
//! A [`Backend`](micro_broker::Backend) guarantees the following:
//!
//! - An event is delivered once to each queue of its topic, to one of the queue's members, and once
//!   to each plain subscriber, in publishing order.
//! - Id, key, content type, metadata and payload arrive as published.
//! - An event that a subscriber accepted is handled, is given to another member of the queue, or
//!   becomes a dead letter. It is never lost.
//! - `flush` returns 0 once every event published through this handle is acknowledged or
//!   dead-lettered.
//! - With `confirms`, `publish` returns when every queue and plain subscriber has accepted the
//!   event, with their number. While a subscriber is full, `publish` waits. When its timeout
//!   expires, it fails with `ResourceExhausted` and names the queue, the subscriber and the topic.
//!   Bursts lose no events.
//! - With `keys`, events with the same key are handled in order, whatever members a queue has.
//! - With `redelivers`, events that a member gives back are given to another member of its queue.
//! - With `patterns`, `*` matches one segment of a topic and `>` matches all following segments.
//!
//! [`Inbox`](micro_broker::Inbox) implements retries, deduplication by id, delays, acknowledgement
//! and dead letters for every backend. A backend gets these features by passing each event to the
//! inbox with its [`AckHandle`](micro_broker::AckHandle). The suite nevertheless tests them,
//! because a backend that acknowledges too early or omits the id breaks them.

mod counts;
mod failures;
mod limits;

use std::any::Any;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use micro_broker::{Broker, Capabilities, Delivery, Event, Options, Subscription};
use micro_message::error::Result;
use tokio::time::{sleep, timeout};

use crate::{DEADLINE, report_skipped, unique_prefix};

pub use self::counts::{
    a_burst_at_a_slow_subscriber_is_handled_to_the_last_event,
    a_burst_beyond_the_room_keeps_its_order, a_burst_is_handled_to_the_last_event,
    each_queue_and_subscriber_gets_each_event_once, members_of_a_queue_share_its_events,
    patterns_match_topics, three_queues_of_one_process_run_each_handler_once,
    what_travels_beside_the_payload_arrives,
};
pub use self::failures::{
    acknowledgement_by_hand_is_waited_for, failed_events_are_tried_again_in_order,
    panics_and_late_handlers_are_failures, poison_goes_to_the_dead_letters_and_the_rest_flows,
    what_a_member_gives_back_goes_to_another, without_a_topic_dead_letters_are_kept,
};
pub use self::limits::{
    a_full_subscriber_is_waited_for_and_then_named,
    an_event_without_subscribers_is_taken_by_nobody, delayed_events_come_later,
    one_id_is_handled_once, what_it_cannot_is_unimplemented, wrong_names_are_refused,
};

/// Interval between two checks of a condition.
const PAUSE: Duration = Duration::from_millis(5);
/// Time to wait for a probe before another one is published, for a backend without `confirms`.
const PROBE_INTERVAL: Duration = Duration::from_millis(200);
/// Prefix of the ids of probes. Subscribers of the cases do not count probes as events.
const PROBE: &str = "probe-";

/// Three connected brokers, and names that are unique to a case.
pub struct World {
    /// The broker that the case publishes with.
    pub publisher: Broker,
    /// The brokers that the case subscribes with. They may be clones of `publisher`.
    pub nodes: [Broker; 2],
    prefix: String,
    /// Queues and plain subscribers that have handled each probe.
    probed: Arc<Mutex<HashMap<String, HashSet<String>>>>,
    /// Dropped after the brokers.
    guards: Vec<Box<dyn Any>>,
}

impl World {
    /// Creates a world from three connected brokers.
    pub fn new(publisher: Broker, nodes: [Broker; 2]) -> Self {
        Self {
            publisher,
            nodes,
            prefix: unique_prefix(),
            probed: Arc::default(),
            guards: Vec::new(),
        }
    }

    /// Calls the closure that opens the brokers. Used by the macro.
    pub async fn open<W: Into<Self>>(open: impl AsyncFnOnce() -> W) -> Self {
        open().await.into()
    }

    /// Keeps a value until the case ends, for example a server.
    pub fn with_guard(mut self, guard: impl Any) -> Self {
        self.guards.push(Box::new(guard));
        self
    }

    /// Returns a topic or pattern that is unique to this case.
    pub fn topic(&self, what: &str) -> String {
        format!("{}.{what}", self.prefix)
    }

    fn capabilities(&self) -> Capabilities {
        self.publisher.capabilities()
    }

    /// Returns whether the backend has a capability. If it does not, reports that the case is
    /// skipped.
    fn can(&self, capability: bool, what: &str) -> bool {
        if !capability {
            report_skipped(self.publisher.scheme(), what);
        }
        capability
    }

    fn can_confirm(&self) -> bool {
        self.can(
            self.capabilities().confirms,
            "confirm that events were taken",
        )
    }

    /// Publishes an event that `expected` queues and plain subscribers must accept.
    async fn publish(&self, event: Event, expected: usize) {
        let (topic, body) = (event.topic.clone(), event.body.clone());
        let published = self.publisher.publish_event(event).await.unwrap();
        if self.capabilities().confirms {
            assert_eq!(published.taken, expected, "{topic}: {body:?}");
        }
    }

    /// Publishes probes until `expected` queues and plain subscribers of a topic have handled one.
    ///
    /// Before a case publishes, this ensures that its subscribers are known. Afterwards, the probe
    /// is a marker: no further event may arrive after it.
    async fn reach(&self, topic: &str, expected: usize) {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let confirms = self.capabilities().confirms;
        let mut last = String::from("nothing was published");
        let wait = async {
            loop {
                let id = format!("{PROBE}{}", NEXT.fetch_add(1, Ordering::Relaxed));
                let probe = event(topic, "").with_id(&id);
                match self.publisher.publish_event(probe).await {
                    Ok(published) if confirms && published.taken != expected => {
                        last = format!("{} took it", published.taken);
                    }
                    Ok(_) if confirms => return self.probed(&id, expected).await,
                    Ok(_) => {
                        let probed = self.probed(&id, expected);
                        if timeout(PROBE_INTERVAL, probed).await.is_ok() {
                            return;
                        }
                        last = format!("a probe did not come to {expected}");
                    }
                    Err(error) => last = error.to_string(),
                }
                sleep(PAUSE).await;
            }
        };
        let reached = timeout(DEADLINE, wait).await.is_ok();
        assert!(
            reached,
            "`{topic}` does not reach {expected} queues and subscribers: {last}"
        );
    }

    /// Waits until `expected` queues and plain subscribers have handled a probe.
    async fn probed(&self, id: &str, expected: usize) {
        let reached = || self.probed.lock().unwrap().get(id).map_or(0, HashSet::len);
        while reached() < expected {
            sleep(PAUSE).await;
        }
    }

    /// Subscribes a function to all events except probes.
    async fn subscribe<F, Fut>(
        &self,
        node: usize,
        pattern: &str,
        options: Options,
        function: F,
    ) -> Subscription
    where
        F: Fn(Delivery) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<()>> + Send + 'static,
    {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let member_of = match &options.queue {
            Some(queue) => format!("queue {queue}"),
            None => format!("subscriber {}", NEXT.fetch_add(1, Ordering::Relaxed)),
        };
        let probed = Arc::clone(&self.probed);
        let function = Arc::new(function);
        let subscribed = self.nodes[node].subscribe(pattern, options, move |delivery| {
            let function = Arc::clone(&function);
            let probe = delivery.id().starts_with(PROBE);
            if probe {
                let mut probed = probed.lock().unwrap();
                let reached = probed.entry(delivery.id().to_owned()).or_default();
                reached.insert(member_of.clone());
            }
            async move {
                if probe {
                    delivery.ack();
                    return Ok(());
                }
                function(delivery).await
            }
        });
        subscribed.await.unwrap()
    }

    /// Subscribes with a handler that notes each event after a pause.
    async fn subscribe_noting(
        &self,
        node: usize,
        pattern: &str,
        options: Options,
        notes: &Notes,
        pause: Duration,
    ) -> Subscription {
        let notes = notes.clone();
        let noting = move |delivery: Delivery| {
            let notes = notes.clone();
            async move {
                if !pause.is_zero() {
                    sleep(pause).await;
                }
                notes.add(&delivery);
                Ok(())
            }
        };
        self.subscribe(node, pattern, options, noting).await
    }
}

impl From<Broker> for World {
    fn from(broker: Broker) -> Self {
        Self::new(broker.clone(), [broker.clone(), broker])
    }
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World")
            .field("publisher", &self.publisher)
            .field("nodes", &self.nodes)
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}

/// The events that subscribers handled, in order.
#[derive(Clone, Default)]
struct Notes(Arc<Mutex<Vec<String>>>);

impl Notes {
    fn add(&self, delivery: &Delivery) {
        let text = String::from_utf8(delivery.event().body.to_vec()).unwrap();
        self.push(text);
    }

    fn push(&self, text: impl Into<String>) {
        self.0.lock().unwrap().push(text.into());
    }

    fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    /// Waits until at least `count` events are noted.
    async fn wait(&self, count: usize) {
        let wait = async {
            while self.len() < count {
                sleep(PAUSE).await;
            }
        };
        if timeout(DEADLINE, wait).await.is_err() {
            let all = self.all();
            panic!(
                "{} of {count} were handled, last {:?}",
                all.len(),
                all.last()
            );
        }
    }
}

#[allow(clippy::needless_pass_by_value, reason = "numbers and texts alike")]
fn event(topic: &str, body: impl ToString) -> Event {
    Event::raw(topic, "text/plain", body.to_string()).unwrap()
}

fn keyed(topic: &str, key: &str, body: impl ToString) -> Event {
    event(topic, body).with_key(key)
}

/// The numbers from 0 on, as they are noted.
fn numbers(count: usize) -> Vec<String> {
    (0..count).map(|number| number.to_string()).collect()
}

async fn close(subscriptions: impl IntoIterator<Item = Subscription>) {
    for subscription in subscriptions {
        subscription.close(DEADLINE).await.unwrap();
    }
}
