//! What every broker must do, run over each backend.
//!
//! Reads the backend's capabilities and asks for what it says it can do. Waits on conditions with
//! a deadline, as some backends are networks.

mod counts;
mod failures;
mod limits;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::{sleep, timeout};

use crate::{Broker, Delivery, Event, Options, Subscription};
use micro_message::error::Result;

/// More than any backend needs; only a failing test waits this long.
const PATIENCE: Duration = Duration::from_secs(30);

/// Three nodes that see one another: one that publishes, two that subscribe. They may be three
/// handles of one backend. `name` keeps the topics of tests in one place apart.
pub(crate) struct World {
    pub(crate) name: &'static str,
    pub(crate) publisher: Broker,
    pub(crate) nodes: [Broker; 2],
}

/// Runs the whole contract.
pub(crate) async fn holds(world: World) {
    counts::each_queue_and_subscriber_gets_each_event_once(&world).await;
    counts::a_burst_is_handled_to_the_last_event(&world, Duration::ZERO).await;
    counts::a_burst_is_handled_to_the_last_event(&world, Duration::from_millis(5)).await;
    counts::a_burst_beyond_the_room_keeps_its_order(&world).await;
    counts::three_queues_of_one_process_run_each_handler_once(&world).await;
    counts::members_share_what_comes(&world).await;
    counts::what_travels_beside_the_payload_arrives(&world).await;
    failures::failed_events_are_tried_again_in_order(&world).await;
    failures::poison_goes_to_the_dead_letters_and_the_rest_flows(&world).await;
    failures::without_a_topic_dead_letters_are_kept(&world).await;
    failures::panics_and_late_handlers_are_failures(&world).await;
    failures::acknowledgement_by_hand_is_waited_for(&world).await;
    limits::one_id_is_handled_once(&world).await;
    limits::delayed_events_come_later(&world).await;
    limits::a_full_subscriber_is_waited_for_and_then_named(&world).await;
    limits::nobody_takes_what_nobody_subscribes_to(&world).await;
    limits::wrong_names_are_refused(&world).await;
    if world.publisher.capabilities().redelivers {
        failures::what_a_member_gives_back_goes_to_another(&world).await;
    }
    if world.publisher.capabilities().patterns {
        counts::patterns_stand_for_topics(&world).await;
    }
}

impl World {
    fn topic(&self, what: &str) -> String {
        format!("{}.{what}", self.name)
    }

    /// Publishes when as many as expected are there to take it: backends that are networks need
    /// a moment until subscribers are known.
    async fn ready(&self, topic: &str, expected: usize) {
        let ready = async {
            loop {
                let probe = event(topic, "").with_id("probe");
                match self.publisher.publish_event(probe).await {
                    Ok(published) if published.taken == expected => return,
                    _ => sleep(Duration::from_millis(10)).await,
                }
            }
        };
        timeout(PATIENCE, ready)
            .await
            .expect("subscribers are known");
    }
}

/// Notes what subscribers handle; probes are left out.
#[derive(Clone, Default)]
struct Notes(Arc<Mutex<Vec<String>>>);

impl Notes {
    fn add(&self, delivery: &Delivery) {
        let text = String::from_utf8(delivery.event().body.to_vec()).unwrap();
        self.push(text);
    }

    fn push(&self, text: String) {
        self.0.lock().unwrap().push(text);
    }

    fn clear(&self) {
        self.0.lock().unwrap().clear();
    }

    fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    /// Waits until there are so many, and a little longer for too many.
    async fn wait(&self, count: usize) -> Vec<String> {
        self.wait_for(count).await;
        sleep(Duration::from_millis(20)).await;
        let all = self.all();
        assert_eq!(all.len(), count, "{all:?}");
        all
    }

    /// Waits until there are so many or more.
    async fn wait_for(&self, count: usize) {
        let wait = async {
            while self.0.lock().unwrap().len() < count {
                sleep(Duration::from_millis(5)).await;
            }
        };
        if timeout(PATIENCE, wait).await.is_err() {
            let all = self.all();
            panic!("{} of {count}: {:?}", all.len(), all.last());
        }
    }
}

fn is_probe(delivery: &Delivery) -> bool {
    delivery.id() == "probe"
}

/// A subscriber that notes what it gets, after a pause.
async fn noting(
    broker: &Broker,
    pattern: &str,
    options: Options,
    notes: &Notes,
    pause: Duration,
) -> Subscription {
    let notes = notes.clone();
    let subscribed = broker.subscribe(pattern, options, move |delivery| {
        let notes = notes.clone();
        async move {
            if !is_probe(&delivery) {
                if !pause.is_zero() {
                    sleep(pause).await;
                }
                notes.add(&delivery);
            }
            Ok(())
        }
    });
    subscribed.await.unwrap()
}

/// A subscriber that decides itself.
async fn deciding<F, Running>(
    broker: &Broker,
    pattern: &str,
    options: Options,
    function: F,
) -> Subscription
where
    F: Fn(Delivery) -> Running + Send + Sync + 'static,
    Running: Future<Output = Result<()>> + Send + 'static,
{
    let function = Arc::new(function);
    let subscribed = broker.subscribe(pattern, options, move |delivery| {
        let function = Arc::clone(&function);
        async move {
            if is_probe(&delivery) {
                delivery.ack();
                return Ok(());
            }
            function(delivery).await
        }
    });
    subscribed.await.unwrap()
}

#[allow(clippy::needless_pass_by_value, reason = "numbers and texts alike")]
fn event(topic: &str, body: impl ToString) -> Event {
    Event::raw(topic, "text/plain", body.to_string()).unwrap()
}

fn keyed(topic: &str, key: &str, body: impl ToString) -> Event {
    event(topic, body).with_key(key)
}

async fn close(subscriptions: impl IntoIterator<Item = Subscription>) {
    for subscription in subscriptions {
        subscription.close(PATIENCE).await.unwrap();
    }
}
