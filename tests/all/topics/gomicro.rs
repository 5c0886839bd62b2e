//! A Go Micro program over its default broker, in both directions: it receives micro's events, and
//! micro receives its replies.

use std::process::Command;
use std::sync::Mutex;

use micro::broker::Event;
use micro::broker::Subscriber;
use micro::handler::Parts;
use micro::prelude::*;
use micro_tests::{Program, until_async};

/// As the Go program has it.
#[micro::message(topic = "interop.ours")]
#[derive(Clone)]
struct Ours {
    name: String,
}

static HEARD: Mutex<Vec<String>> = Mutex::new(Vec::new());

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs the Go program of tests/clients/gomicro, and multicast"]
async fn needs_go_micro_both_ways() {
    let path = std::env::var("MICRO_TEST_GO_MICRO").expect("`.ci/run` has built it");
    let mut go = Program::start(&mut Command::new(path));
    go.line("listening");
    let hear = Subscriber::new(
        "hear",
        "interop.theirs",
        |_: Parts, event: Event| async move {
            let id = event.id.clone();
            let name = event.decode::<Ours>()?.name;
            HEARD.lock().unwrap().push(format!("{id} {name}"));
            Ok(())
        },
    );
    let app = App::builder()
        .setting("registry", "mdns://")
        .setting("address", "0.0.0.0:0")
        .subscriber(hear)
        .build();
    let app = app.await.unwrap();
    let running = app.start().await.unwrap();
    let name = "Ada".to_owned();
    let ours = Ours { name };
    until_async("the Go program takes an event", || async {
        let published = app.broker().publish(&ours).id("first").await;
        published
            .is_ok_and(|published| published.taken == 1)
            .then_some(())
    })
    .await;
    assert_eq!(go.line("heard"), r#"application/json {"name":"Ada"}"#);
    for number in 0..5 {
        let published = app.broker().publish(&ours).id(format!("n{number}")).await;
        assert_eq!(published.unwrap().taken, 1);
    }
    until_async("we hear what it publishes", || async {
        let heard = HEARD.lock().unwrap().clone();
        let all = (0..5).all(|number| heard.contains(&format!("go-n{number} Ada")));
        all.then_some(())
    })
    .await;
    running.stop().await;
}
