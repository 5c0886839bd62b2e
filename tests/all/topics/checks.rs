//! Errors about invalid subscribers, which an app reports before it starts.

use micro::broker::{Durable, Subscriber};
use micro::broker::{Event, Options};
use micro::handler::{Location, Parts};
use micro::prelude::*;
use micro::testing::TestApp;

fn subscriber(name: &'static str, pattern: &'static str, line: u32) -> Subscriber {
    let subscriber = Subscriber::new(name, pattern, |_: Parts, _: Event| async { Ok(()) });
    subscriber.location(Location::new("shop.rs", line))
}

#[tokio::test]
async fn every_mistake_is_told_with_its_place() {
    let dead = Options::new().dead_letter("orders.dead");
    let twice = subscriber("twice", "orders.made", 4);
    let app = TestApp::builder()
        .subscriber(subscriber("wrong", "orders..made", 1))
        .subscriber(subscriber("circle", "orders.*", 2).options(dead))
        .subscriber(subscriber("narrow", "a", 3).options(Options::new().concurrency(0)))
        .subscriber(twice.clone())
        .subscriber(twice)
        .with(|builder| builder.setting("broker", "pigeon://"))
        .start();
    let text = app.await.unwrap_err().to_string();
    for part in [
        "4 problems",
        "shop.rs:1: subscriber `wrong`: `orders..made` is not a topic pattern",
        "shop.rs:2: subscriber `circle`: its dead letters would come back to it: `orders.dead`",
        "shop.rs:3: subscriber `narrow`: a `concurrency` of 0",
        "shop.rs:4: subscriber `twice`: it is there twice",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[tokio::test]
async fn an_unknown_broker_is_a_problem_among_the_others() {
    let app = App::builder()
        .setting("registry", "memory://")
        .setting("broker", "pigeon://")
        .subscriber(subscriber("durable", "a", 5).durable(Durable::new("a b")))
        .build();
    let text = app.await.unwrap_err().to_string();
    for part in [
        "there is no broker `pigeon`",
        "shop.rs:5: subscriber `durable`",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}
