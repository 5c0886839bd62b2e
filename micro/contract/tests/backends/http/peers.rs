//! Peers that die, do not respond, or disappear from the registry, and events published by Go
//! Micro.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use micro::ErrorKind;
use micro::app::App;
use micro::broker::{Broker, Delivery, Event, HostInfo, Http, Options, Subscriber};
use micro::handler::{FromCall, Parts, Resources, Route};
use micro::registry::{Backend, Memory, Node, Registry};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep, timeout};

use super::{DEADLINE, TTL, counting, event, node, publisher, ready, until};

#[tokio::test]
async fn a_broker_that_is_made_by_hand_receives() {
    let registry = Registry::new(Memory::new());
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::new(counting(&count));
    let heard = Subscriber::new("heard", "peers.hand", move |parts: Parts, _: Event| {
        let handled = Delivery::from_call(&parts).map(&*counted);
        async move { handled?.await }
    });
    let app = App::builder()
        .registry(registry.clone())
        .broker(Broker::new(Http::new()))
        .setting("deregister_delay", "1ms")
        .subscriber(heard)
        .build()
        .await
        .unwrap();
    let running = app.start().await.unwrap();
    let broker = publisher(&registry).await;
    ready(&broker, "peers.hand", 1).await;
    let published = broker.publish_event(event("peers.hand", 1)).await.unwrap();
    assert_eq!(published.taken, 1);
    until("it is handled", || count.load(Ordering::SeqCst) == 1).await;
    running.stop().await;
}

#[test]
fn services_that_take_events_say_what_they_are_for() {
    let services = Broker::new(Http::new()).services();
    let routes = services.iter().flat_map(|service| {
        let route = |method| {
            let info = *service.info();
            Route::new(info, method, Arc::new(()), Resources::new())
        };
        service.iter().map(route)
    });
    let routes: Vec<_> = routes.collect();
    assert_eq!(routes.len(), 2);
    for route in routes {
        assert!(!route.doc.is_empty() && !route.service.doc.is_empty());
    }
}

/// Registers a peer that accepts connections but does not respond.
async fn mute(registry: &Registry, queue: &str) -> TcpListener {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let node = Node::new("micro.http.broker", format!("0-{queue}"), address)
        .with_version(queue)
        .with_metadata("secure", "false")
        .with_metadata("broker", "http")
        .with_metadata("topic", "peers.mute")
        .with_metadata("micro", "1");
    std::mem::forget(registry.register(node, TTL).await.unwrap());
    listener
}

#[tokio::test]
async fn a_dead_peer_and_a_mute_one_are_passed_over() {
    let registry = Registry::new(Memory::new());
    // The listener is dropped, so connections to this address are refused.
    drop(mute(&registry, "shared").await);
    let (app, running) = node(&registry).await;
    let count = Arc::new(AtomicUsize::new(0));
    let options = Options::new().queue("shared");
    let subscribed = app
        .broker()
        .subscribe("peers.mute", options, counting(&count));
    let subscription = subscribed.await.unwrap();
    let broker = publisher(&registry).await;
    for number in 0..20 {
        let published = broker.publish_event(event("peers.mute", number)).await;
        assert_eq!(published.unwrap().taken, 1);
    }
    until("all are handled", || count.load(Ordering::SeqCst) == 20).await;
    subscription.close(DEADLINE).await.unwrap();
    running.stop().await;
}

#[tokio::test]
async fn a_queue_of_mute_members_is_named_in_time() {
    let registry = Registry::new(Memory::new());
    let _listener = mute(&registry, "silent").await;
    let broker = publisher(&registry).await;
    let published = broker.publish_event(event("peers.mute", 1));
    let published = published.timeout(Duration::from_millis(200)).into_future();
    let published = timeout(DEADLINE, published).await.expect("an answer");
    let error = published.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    assert!(error.message().contains("queue `silent`"), "{error}");
}

/// Removes all subscribers from the registry.
async fn forget(memory: &Memory) {
    for node in Backend::lookup(memory, "micro.http.broker").await.unwrap() {
        Backend::deregister(memory, &node).await.unwrap();
    }
}

/// Opens a publisher that remembers members for this time after they disappear from both the
/// registry and the stream.
async fn remembering(registry: &Registry, memory: Duration) -> Broker {
    let broker = Broker::new(Http::remembering(memory));
    broker
        .attach(&HostInfo::new(registry.clone()))
        .await
        .unwrap();
    broker
}

/// If the registry loses a node during publishing, no event is lost and no subscriber is skipped.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_registry_that_forgets_a_node_loses_nothing() {
    let memory = Memory::new();
    let registry = Registry::new(memory.clone());
    let (a, b) = (node(&registry).await, node(&registry).await);
    let count = Arc::new(AtomicUsize::new(0));
    let mut all = Vec::new();
    for app in [&a.0, &b.0] {
        let options = Options::new().queue("shared");
        let subscribed = app
            .broker()
            .subscribe("peers.lost", options, counting(&count));
        all.push(subscribed.await.unwrap());
    }
    let broker = publisher(&registry).await;
    ready(&broker, "peers.lost", 1).await;
    for number in 0..400 {
        if number == 100 || number == 300 {
            let nodes = registry.lookup("micro.http.broker").await.unwrap();
            let lost = nodes.iter().find(|node| node.version == "shared").unwrap();
            Backend::deregister(&memory, lost).await.unwrap();
        }
        let published = broker.publish_event(event("peers.lost", number)).await;
        assert_eq!(published.unwrap().taken, 1, "{number}");
    }
    until("all are handled", || count.load(Ordering::SeqCst) == 400).await;
    drop(all);
    a.1.stop().await;
    b.1.stop().await;
}

/// The test runs longer than members are remembered, so that only the stream reports them. Neither
/// of the two subscribers has received an event before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn subscribers_that_live_are_found_while_the_registry_knows_nobody() {
    let memory = Memory::new();
    let registry = Registry::new(memory.clone());
    let (app, running) = node(&registry).await;
    let count = Arc::new(AtomicUsize::new(0));
    let options = || Options::new().queue("blind");
    let queue = app
        .broker()
        .subscribe("peers.blind", options(), counting(&count));
    let plain = app
        .broker()
        .subscribe("peers.blind", Options::new(), counting(&count));
    let subscriptions = [queue.await.unwrap(), plain.await.unwrap()];
    let remembered = Duration::from_millis(300);
    let broker = remembering(&registry, remembered).await;
    // Makes the subscribers known without opening a stream.
    let elsewhere = broker.publish_event(event("peers.other", 0)).await.unwrap();
    assert_eq!(elsewhere.taken, 0);
    let mut watch = registry.watch("micro.http.broker").await.unwrap();
    forget(&memory).await;
    while !watch.next().await.unwrap().nodes.is_empty() {}
    let (start, mut published) = (Instant::now(), 0);
    while start.elapsed() < remembered * 4 {
        let one = broker.publish_event(event("peers.blind", published)).await;
        assert_eq!(one.unwrap().taken, 2, "after {published}");
        published += 1;
    }
    until("all are handled", || {
        count.load(Ordering::SeqCst) == 2 * usize::try_from(published).unwrap()
    })
    .await;
    // Subscribers that are closed in order are removed at once, although the registry reports no
    // change.
    for subscription in subscriptions {
        subscription.close(DEADLINE).await.unwrap();
    }
    until_published(&broker, "peers.blind", 0).await;
    running.stop().await;
}

/// Publishes without errors until `expected` queues and plain subscribers accept the event.
async fn until_published(broker: &Broker, topic: &str, expected: usize) {
    let start = Instant::now();
    loop {
        let published = broker.publish_event(event(topic, "x")).await.unwrap();
        if published.taken == expected {
            return;
        }
        assert!(start.elapsed() < DEADLINE, "{published:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn subscribers_that_are_killed_are_missed_for_a_while() {
    for (queue, says) in [(Some("gone"), "queue `gone`"), (None, "subscriber `")] {
        let memory = Memory::new();
        let registry = Registry::new(memory.clone());
        let (app, running) = node(&registry).await;
        let count = Arc::new(AtomicUsize::new(0));
        let mut options = Options::new();
        options.queue = queue.map(str::to_owned);
        let subscribed = app
            .broker()
            .subscribe("peers.gone", options, counting(&count));
        let subscription = subscribed.await.unwrap();
        let remembered = Duration::from_secs(2);
        let broker = remembering(&registry, remembered).await;
        ready(&broker, "peers.gone", 1).await;
        // A killed process sends no farewell.
        drop(running);
        std::mem::forget(subscription);
        forget(&memory).await;
        let start = Instant::now();
        let mut failed = 0;
        loop {
            let limit = Duration::from_millis(100);
            let published = broker.publish_event(event("peers.gone", 1)).timeout(limit);
            match published.await {
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
                    assert!(error.message().contains(says), "{error}");
                    failed += 1;
                }
                Ok(published) if published.taken == 0 => break,
                // The connection was still being closed.
                Ok(published) => assert_eq!((published.taken, failed), (1, 0)),
            }
            assert!(start.elapsed() < DEADLINE, "{failed}");
            sleep(Duration::from_millis(10)).await;
        }
        assert!(failed > 0 && start.elapsed() >= remembered, "{failed}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_subscriber_that_ends_in_order_is_missed_by_nobody() {
    let registry = Registry::new(Memory::new());
    let (app, running) = node(&registry).await;
    let count = Arc::new(AtomicUsize::new(0));
    for (queue, sent) in [
        (Some("q"), true),
        (Some("q"), false),
        (None, true),
        (None, false),
    ] {
        let mut options = Options::new();
        options.queue = queue.map(str::to_owned);
        let subscribed = app
            .broker()
            .subscribe("peers.ends", options, counting(&count));
        let subscription = subscribed.await.unwrap();
        let broker = publisher(&registry).await;
        let topic = if sent { "peers.ends" } else { "peers.other" };
        ready(&broker, topic, usize::from(sent)).await;
        // The process continues for a moment, like one that is stopped in order.
        subscription.close(DEADLINE).await.unwrap();
        let mut watch = registry.watch("micro.http.broker").await.unwrap();
        while watch.next().await.unwrap().nodes.len() > 1 {}
        // The publisher may learn of the close a moment later, with one event in flight.
        let limit = Duration::from_secs(1);
        let one = broker.publish_event(event("peers.ends", 1)).timeout(limit);
        let missed = one.await.is_err();
        assert!(!missed || queue.is_some());
        until_published(&broker, "peers.ends", 0).await;
    }
    running.stop().await;
}

/// Runs on one thread, where a publisher that never yields would block all other tasks.
#[tokio::test]
async fn a_publisher_in_a_tight_loop_hears_of_the_first_subscriber() {
    for broker in [
        Broker::open("memory://").unwrap(),
        publisher(&Registry::new(Memory::new())).await,
    ] {
        let (other, count) = (broker.clone(), Arc::new(AtomicUsize::new(0)));
        let counted = Arc::clone(&count);
        let subscribing = tokio::spawn(async move {
            tokio::task::yield_now().await;
            counted.fetch_add(1, Ordering::SeqCst);
            drop(other);
        });
        let start = std::time::Instant::now();
        while count.load(Ordering::SeqCst) == 0 {
            let published = broker.publish_event(event("peers.loop", 1)).await.unwrap();
            assert_eq!(published.taken, 0);
            assert!(start.elapsed() < DEADLINE, "the loop lets nobody else run");
        }
        subscribing.await.unwrap();
    }
}

/// Events that a member accepted but did not handle before its connection broke go to another
/// member.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_that_dies_loses_nothing() {
    let registry = Registry::new(Memory::new());
    let (app, running) = node(&registry).await;
    let options = Options::new().queue("shared").capacity(64);
    let stuck = app
        .broker()
        .subscribe("peers.dies", options, |delivery| async move {
            if delivery.id() != "probe" {
                sleep(DEADLINE).await;
            }
            Ok(())
        });
    let stuck = stuck.await.unwrap();
    let broker = publisher(&registry).await;
    ready(&broker, "peers.dies", 1).await;
    for number in 0..50 {
        let published = broker.publish_event(event("peers.dies", number)).await;
        assert_eq!(published.unwrap().taken, 1);
    }
    let (other, alive) = node(&registry).await;
    let count = Arc::new(AtomicUsize::new(0));
    let options = Options::new().queue("shared");
    let subscribed = other
        .broker()
        .subscribe("peers.dies", options, counting(&count));
    let subscription = subscribed.await.unwrap();
    // Stops without a drain or a farewell message.
    drop(running);
    drop(stuck);
    until("all are handled", || count.load(Ordering::SeqCst) >= 50).await;
    assert_eq!(broker.flush(DEADLINE).await, 0);
    assert_eq!(count.load(Ordering::SeqCst), 50);
    assert!(broker.dead_letters().is_empty());
    subscription.close(DEADLINE).await.unwrap();
    alive.stop().await;
}

/// The bytes that Go Micro sends, except for the numbers.
#[tokio::test]
async fn events_of_go_micro_reach_the_subscriber_they_name() {
    let registry = Registry::new(Memory::new());
    let (app, running) = node(&registry).await;
    let (one, two) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let mut all = Vec::new();
    for (queue, count) in [("one", &one), ("two", &two)] {
        let options = Options::new().queue(queue);
        let subscribed = app.broker().subscribe("peers.go", options, counting(count));
        all.push(subscribed.await.unwrap());
    }
    let nodes = registry.lookup("micro.http.broker").await.unwrap();
    let node = nodes.iter().find(|node| node.version == "two").unwrap();
    assert_eq!(node.metadata["topic"], "peers.go");
    let body = r#"{"Header":{"Micro-Topic":"peers.go","Micro-Id":"7"},"Body":"e30="}"#;
    for (id, status) in [(&*node.id, "200"), ("nobody", "404")] {
        let answer = post(&node.address, id, body).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status}")),
            "{answer}"
        );
    }
    let answer = post(&node.address, &node.id, "{}").await;
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    until("it is handled", || two.load(Ordering::SeqCst) == 1).await;
    assert_eq!(one.load(Ordering::SeqCst), 0);
    for subscription in all {
        subscription.close(DEADLINE).await.unwrap();
    }
    running.stop().await;
}

async fn post(address: &str, id: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let length = body.len();
    let request = format!(
        "POST /?id={id} HTTP/1.1\r\nhost: x\r\nuser-agent: Go-http-client/1.1\r\n\
         content-length: {length}\r\ncontent-type: application/json\r\n\
         accept-encoding: gzip\r\nconnection: close\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn without_a_registry_or_a_port_it_says_what_is_missing() {
    let broker = Broker::new(Http::new());
    let error = broker.publish_event(event("a", 1)).await.unwrap_err();
    assert!(error.message().contains("no registry"), "{error}");
    let error = broker.subscribe("a", Options::new(), |_| async { Ok(()) });
    let error = error.await.unwrap_err();
    assert!(error.message().contains("has none"), "{error}");
}
