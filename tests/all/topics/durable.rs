//! Subscribers of durable streams with attributes, in whole apps.

use std::path::Path;

use micro::broker::{Durable, Subscriber};
use micro::events::{Config, Event, Events, File, Start};
use micro::handler::Parts;
use micro::prelude::*;
use micro::testing::TestApp;
use micro_tests::{Program, World, until_async};

use super::{Ordered, Seen, Shared};

#[micro::subscribe(
    stream = "durable.ordered",
    group = "books",
    retries = 2,
    backoff = "1ms"
)]
async fn book(delivery: Delivery, context: Context, seen: Shared, event: Ordered) -> Result<()> {
    let tenant = context
        .metadata()
        .get("tenant")
        .unwrap_or("nobody")
        .to_owned();
    seen.note(format!(
        "{} for {tenant}, attempt {}",
        event.order,
        delivery.attempt()
    ));
    match event.order {
        13 => Err(Error::internal("unlucky")),
        14 => panic!("worse luck"),
        2 if delivery.attempt() == 1 => Err(Error::unavailable("once more")),
        _ => Ok(()),
    }
}

fn files(dir: &Path) -> Events {
    Events::new(File::new(Config::new(dir)))
}

async fn app(events: &Events) -> TestApp {
    let events = events.clone();
    let builder = TestApp::builder().provide(Seen::default());
    let builder = builder.linked_subscriber("book");
    builder
        .with(|builder| builder.events(events))
        .start()
        .await
        .unwrap()
}

async fn order(events: &Events, order: u32) {
    let mut metadata = Metadata::new();
    metadata.insert("tenant", "acme").unwrap();
    let event = Event::of(&Ordered { order })
        .with_key("one")
        .with_metadata(metadata);
    events.append_to("durable.ordered", event).await.unwrap();
}

async fn settled(events: &Events) {
    until_async("all to be settled", async || {
        let lag = events.lag("durable.ordered", "books").await.unwrap();
        (lag == 0).then_some(())
    })
    .await;
}

fn seen(app: &TestApp) -> Vec<String> {
    app.resources()
        .get::<Seen>()
        .unwrap()
        .0
        .lock()
        .unwrap()
        .clone()
}

#[tokio::test]
async fn a_stream_is_handled_in_order_and_goes_on_after_a_restart() {
    let world = World::new();
    let dir = world.root().join("events");
    let events = files(&dir);
    for number in 1..=3 {
        order(&events, number).await;
    }
    let first = app(&events).await;
    settled(&events).await;
    let wanted = [
        "1 for acme, attempt 1",
        "2 for acme, attempt 1",
        "2 for acme, attempt 2",
        "3 for acme, attempt 1",
    ];
    assert_eq!(seen(&first), wanted);
    first.stop().await;
    assert!(events.topics().await.is_err(), "the app closes its events");

    let events = files(&dir);
    order(&events, 4).await;
    let second = app(&events).await;
    settled(&events).await;
    assert_eq!(seen(&second), ["4 for acme, attempt 1"]);
    second.stop().await;
}

#[tokio::test]
async fn poison_and_panics_go_to_the_dead_letters_with_their_reasons() {
    let events = Events::open("memory://").unwrap();
    let app = app(&events).await;
    for number in [13, 14, 5] {
        order(&events, number).await;
    }
    let strange = Event::new(vec![0xff]);
    events.append_to("durable.ordered", strange).await.unwrap();
    settled(&events).await;
    assert_eq!(seen(&app).len(), 3 + 3 + 1);
    let mut dead = events
        .read("durable.ordered.dead", Start::Earliest)
        .await
        .unwrap();
    let mut reasons = Vec::new();
    for _ in 0..3 {
        let letter = dead.next().await.unwrap().unwrap();
        let reason = letter.event.metadata.get("dead-reason").unwrap();
        reasons.push(reason.to_owned());
    }
    reasons.sort();
    assert!(reasons[0].contains("the handler panicked"), "{reasons:?}");
    assert!(
        reasons[1].contains("the payload cannot be read"),
        "{reasons:?}"
    );
    assert!(reasons[2].contains("unlucky"), "{reasons:?}");
    app.stop().await;
}

#[tokio::test]
async fn what_cannot_be_is_told_before_the_start() {
    for (durable, says) in [
        (Durable::new("a b"), "topic `a b` must be"),
        (Durable::new("a").group("/"), "group `/` must be"),
        (
            Durable::new("a").from("soon"),
            "`soon` is not `earliest`, `latest` or an offset",
        ),
    ] {
        let nothing = |_: Parts, _: Ordered| async { Ok(()) };
        let subscriber = Subscriber::new("nothing", "topics.ordered", nothing);
        let app = TestApp::builder().subscriber(subscriber.durable(durable));
        let error = app.start().await.unwrap_err();
        assert!(error.message().contains(says), "{error}");
    }
}

/// A second process gets an error that names the owner of the directory. It can open it once the
/// first one is gone, even if that one crashed.
#[tokio::test]
async fn a_directory_of_another_process_names_it() {
    let world = World::new();
    let dir = world.root().join("events");
    let mut command = world.command(env!("CARGO_BIN_EXE_appender"));
    let mut holder = Program::start(command.arg(&dir).args(["never", "1"]));
    holder.line("appended");
    let events = Events::open(&format!("file://{}", dir.display())).unwrap();
    let error = events.append_to("all", "x").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::FailedPrecondition);
    let (dir, holder_id) = (
        dir.display().to_string(),
        format!("process {}", holder.id()),
    );
    for part in [
        &*dir,
        &*holder_id,
        "a directory of its own as `file:///path`",
    ] {
        assert!(error.message().contains(part), "{part}: {error}");
    }
    holder.kill();
    holder.wait();
    events.append_to("all", "x").await.unwrap();
    events.close().await.unwrap();
}
