//! Subscribers and periodic work with attributes, in whole apps.

mod checks;
mod killed;
mod durable;
mod gomicro;

use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use micro::broker::Subscriber;
use micro::broker::{Event, Options};
use micro::handler::Parts;
use micro::prelude::*;
use micro::testing::TestApp;
use micro::wrap::{On, ScopedWrap, Wrap};

/// Something was ordered.
#[micro::message(topic = "topics.ordered")]
#[derive(Debug, PartialEq, Clone)]
struct Ordered {
    order: u32,
}

/// Everything that happened, in order. Given to the app.
#[derive(Default)]
struct Seen(Mutex<Vec<String>>);

impl Seen {
    fn note(&self, text: impl Into<String>) {
        self.0.lock().unwrap().push(text.into());
    }

    fn sorted(&self) -> Vec<String> {
        let mut all = self.0.lock().unwrap().clone();
        all.sort();
        all
    }
}

type Shared = std::sync::Arc<Seen>;

#[micro::subscribe("topics.ordered", queue = "bill")]
async fn bill(seen: Shared, event: Ordered) -> Result<()> {
    seen.note(format!("bill {}", event.order));
    Ok(())
}

#[micro::subscribe]
async fn ship(context: Context, seen: Shared, event: Ordered) {
    let tenant = context
        .metadata()
        .get("tenant")
        .unwrap_or("nobody")
        .to_owned();
    seen.note(format!("ship {} for {tenant}", event.order));
}

#[micro::subscribe("topics.>", retries = 1, backoff = "1ms")]
async fn watch(delivery: Delivery, seen: Shared, event: Event) -> Result<()> {
    seen.note(format!("watch {} {}", event.topic, delivery.attempt()));
    if delivery.attempt() == 1 && event.topic == "topics.strange" {
        return Err(Error::unavailable("once more"));
    }
    Ok(())
}

#[micro::service]
struct Depot {
    #[micro(default)]
    seen: Seen,
    ordered: Publisher<Ordered>,
}

#[micro::message]
struct Empty {}

#[micro::service]
impl Depot {
    #[micro::rpc]
    async fn order(&self, order: Ordered) -> Result<Empty> {
        self.ordered
            .publish(order)
            .metadata("tenant", "acme")
            .await?;
        Ok(Empty {})
    }

    #[micro::subscribe(queue = "stock")]
    async fn stock(&self, context: Context, event: Ordered) -> Result<()> {
        let inherited = context.metadata().get("traceparent").is_some();
        self.seen.note(format!("stock {} {inherited}", event.order));
        Ok(())
    }
}

async fn app(names: &[&str]) -> TestApp {
    let mut builder = TestApp::builder().provide(Seen::default());
    for name in names {
        builder = builder.linked_subscriber(name);
    }
    builder.start().await.unwrap()
}

fn seen(app: &TestApp) -> Vec<String> {
    app.resources().get::<Seen>().unwrap().sorted()
}

#[tokio::test]
async fn each_subscriber_gets_the_events_of_its_topic() {
    let app = app(&["bill", "ship", "watch"]).await;
    let published = app.broker().publish(&Ordered { order: 1 }).await.unwrap();
    assert_eq!(published.taken, 3);
    app.events_handled().await;
    let wanted = ["bill 1", "ship 1 for nobody", "watch topics.ordered 1"];
    assert_eq!(seen(&app), wanted);
    app.stop().await;
}

#[tokio::test]
async fn subscribers_of_a_service_come_with_it_and_the_trace_goes_along() {
    let builder = TestApp::builder().provide(Seen::default());
    let app = builder
        .linked_service::<Depot>()
        .linked_subscriber("ship")
        .with(|builder| builder.wrap("trace", micro::wrap::Trace::default()));
    let app = app.start().await.unwrap();
    let depot = DepotClient::new(app.client());
    depot.order(Ordered { order: 2 }).await.unwrap();
    app.events_handled().await;
    assert_eq!(seen(&app), ["ship 2 for acme"]);
    let depot = app.resources().get::<Depot>().unwrap();
    assert_eq!(depot.seen.sorted(), ["stock 2 true"]);
    app.stop().await;
}

#[tokio::test]
async fn failures_are_tried_again_and_poison_is_put_away() {
    let app = app(&["bill", "watch"]).await;
    let broker = app.broker();
    let strange = Event::raw("topics.strange", "text/plain", "?").unwrap();
    broker.publish_event(strange).await.unwrap();
    for (kind, body) in [("application/proto", &b"\xff"[..]), ("text/plain", b"1")] {
        let poison = Event::raw("topics.ordered", kind, body).unwrap();
        broker.publish_event(poison).await.unwrap();
    }
    broker.publish(&Ordered { order: 3 }).await.unwrap();
    app.events_handled().await;
    let watched = "watch topics.ordered 1";
    let wanted = [
        "bill 3",
        watched,
        watched,
        watched,
        "watch topics.strange 1",
        "watch topics.strange 2",
    ];
    assert_eq!(seen(&app), wanted);
    let letters = broker.dead_letters();
    let reasons: Vec<_> = letters.iter().map(|letter| &*letter.reason).collect();
    assert_eq!(letters.len(), 2, "{reasons:?}");
    for (letter, word) in letters.iter().zip(["cannot be read", "`text/plain`"]) {
        assert!(letter.reason.contains(word), "{reasons:?}");
        assert_eq!((&*letter.subscriber, letter.attempts), ("bill", 1));
    }
    app.stop().await;
}

/// Records the calls that it wraps.
struct Noting;

impl Wrap for Noting {
    async fn wrap<'a>(&'a self, mut call: Call, next: Next<'a>) -> Result<Response> {
        let order = call.request::<Ordered>()?.order;
        let method = call.method().clone();
        let reply = next.run(call).await;
        let outcome = if reply.is_ok() { "ok" } else { "failed" };
        let name = method.name();
        NOTED
            .lock()
            .unwrap()
            .push(format!("{name} {order} {outcome}"));
        reply
    }
}

static NOTED: Mutex<Vec<String>> = Mutex::new(Vec::new());

#[tokio::test]
async fn wraps_surround_events() {
    let mut around = ScopedWrap::new("noting", Noting);
    around.on = On::Event;
    around.method = Some("by_hand");
    let by_hand = Subscriber::new(
        "by_hand",
        "topics.ordered",
        |_: Parts, event: Ordered| async move {
            match event.order {
                4 => Ok(()),
                _ => Err(Error::internal("not four")),
            }
        },
    );
    let options = Options::new().retries(1).backoff(Duration::from_millis(1));
    let app = TestApp::builder()
        .provide(Seen::default())
        .subscriber(by_hand.options(options))
        .linked_subscriber("bill")
        .with(|builder| builder.scoped_wrap(around));
    let app = app.start().await.unwrap();
    for order in [4, 5] {
        app.broker().publish(&Ordered { order }).await.unwrap();
    }
    app.events_handled().await;
    let noted = NOTED.lock().unwrap().clone();
    assert_eq!(
        noted,
        ["by_hand 4 ok", "by_hand 5 failed", "by_hand 5 failed"]
    );
    app.stop().await;
}

#[micro::subscribe("topics.slow", queue = "slow")]
async fn slow(seen: Shared, _event: Event) {
    seen.note("begun");
    tokio::time::sleep(Duration::from_millis(100)).await;
    seen.note("done");
}

// Paused time: the clock advances only when nothing else can run, so the order does not depend on
// the machine.
#[tokio::test(start_paused = true)]
async fn a_stop_finishes_what_runs_and_keeps_what_waits() {
    let app = app(&["slow"]).await;
    let broker = app.broker().clone();
    let resources = app.resources().clone();
    for _ in 0..3 {
        let event = Event::raw("topics.slow", "text/plain", "").unwrap();
        broker.publish_event(event).await.unwrap();
    }
    while seen(&app).is_empty() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let stopping = tokio::spawn(app.stop());
    tokio::time::sleep(Duration::from_millis(150)).await;
    let all = resources.get::<Seen>().unwrap().sorted();
    assert_eq!(all, ["begun", "done"]);
    stopping.abort();
}

static TICKS: AtomicU32 = AtomicU32::new(0);

#[micro::every("1ms")]
async fn tick(_broker: Broker) {
    TICKS.fetch_add(1, Ordering::SeqCst);
}

#[micro::test(linked)]
async fn periodic_work_runs_while_the_app_does() {
    while TICKS.load(Ordering::SeqCst) < 3 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}
