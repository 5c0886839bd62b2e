//! Tests of the broker `http` over real connections: failing peers, and requests of other programs.

mod peers;
mod silent;
mod strangers;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use micro::app::{App, Running};
use micro::broker::{Broker, Delivery, Event, HostInfo, Subscriber};
use micro::handler::Parts;
use micro::registry::Registry;
use tokio::time::{sleep, timeout};

/// Maximum time that a test waits for one condition. Only a failing test waits this long.
const DEADLINE: Duration = Duration::from_secs(20);
const TTL: Duration = Duration::from_secs(30);

/// Starts an app that listens, because it has a subscriber to a topic without publishers.
pub(crate) async fn node(registry: &Registry) -> (App, Running) {
    let idle = Subscriber::new("idle", "nobody.publishes", |_: Parts, _: Event| async {
        Ok(())
    });
    let app = App::builder()
        .registry(registry.clone())
        .setting("broker", "http://")
        .setting("deregister_delay", "1ms")
        .subscriber(idle);
    let app = app.build().await.unwrap();
    let running = app.start().await.unwrap();
    (app, running)
}

/// Opens a broker that only publishes.
pub(crate) async fn publisher(registry: &Registry) -> Broker {
    let broker = Broker::open("http://").unwrap();
    broker
        .attach(&HostInfo::new(registry.clone()))
        .await
        .unwrap();
    broker
}

#[allow(clippy::needless_pass_by_value, reason = "numbers and texts alike")]
fn event(topic: &str, body: impl ToString) -> Event {
    Event::raw(topic, "text/plain", body.to_string()).unwrap()
}

/// Publishes probes until `expected` queues and plain subscribers accept one.
async fn ready(broker: &Broker, topic: &str, expected: usize) {
    let wait = async {
        loop {
            let probe = broker.publish_event(event(topic, "probe").with_id("probe"));
            if probe
                .await
                .is_ok_and(|published| published.taken == expected)
            {
                return;
            }
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(DEADLINE, wait)
        .await
        .expect("subscribers are known");
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let wait = async {
        while !holds() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(DEADLINE, wait)
        .await
        .unwrap_or_else(|_| panic!("{what}"));
}

/// Returns a handler that counts handled events except probes.
fn counting(
    count: &Arc<AtomicUsize>,
) -> impl Fn(Delivery) -> std::future::Ready<micro::Result<()>> + use<> {
    let count = Arc::clone(count);
    move |delivery| {
        count.fetch_add(usize::from(delivery.id() != "probe"), Ordering::SeqCst);
        std::future::ready(Ok(()))
    }
}
