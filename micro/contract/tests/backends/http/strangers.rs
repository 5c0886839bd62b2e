//! Subscribers that any program on the network may have announced.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use micro::ErrorKind;
use micro::broker::Options;
use micro::registry::{Mdns, Memory, Node, Registry};
use tokio::net::TcpListener;

use super::{TTL, counting, event, node, publisher, ready, until};

const TOPIC: &str = "peers.strangers";

/// Registers a plain subscriber and a member of a queue at an address that does not respond.
async fn announce(network: &Registry, address: &str) {
    for (id, queue) in [("0-plain", "ff.http.broadcast"), ("0-queue", "made-up")] {
        let node = Node::new("micro.http.broker", id, address)
            .with_version(queue)
            .with_metadata("topic", TOPIC)
            .with_metadata("micro", "1");
        std::mem::forget(network.register(node, TTL).await.unwrap());
    }
}

#[tokio::test]
async fn a_record_that_nobody_stands_behind_does_not_stop_a_topic() {
    let network = Registry::new(Mdns::on_port(45_371));
    // Accepts connections and sends nothing.
    let mute = TcpListener::bind("127.0.0.1:0").await.unwrap();
    announce(&network, &mute.local_addr().unwrap().to_string()).await;

    let here = Registry::new(Memory::new());
    let (app, running) = node(&here).await;
    let count = Arc::new(AtomicUsize::new(0));
    let subscribed = app
        .broker()
        .subscribe(TOPIC, Options::new(), counting(&count));
    let subscription = subscribed.await.unwrap();
    let broker = publisher(&Registry::union([
        here,
        Registry::new(Mdns::on_port(45_371)),
    ]))
    .await;
    ready(&broker, TOPIC, 1).await;
    for number in 0..100 {
        let published = broker.publish_event(event(TOPIC, number)).await;
        assert_eq!(published.unwrap().taken, 1, "by the one that is there");
    }
    until("all are handled", || count.load(Ordering::SeqCst) == 100).await;
    subscription.close(Duration::from_secs(5)).await.unwrap();
    running.stop().await;
}

#[tokio::test]
async fn an_event_that_only_strangers_could_take_is_not_published() {
    let network = Registry::new(Mdns::on_port(45_372));
    announce(&network, "127.0.0.1:1").await;
    let broker = publisher(&Registry::new(Mdns::on_port(45_372))).await;
    let published = broker.publish_event(event(TOPIC, 1));
    let published = published.timeout(Duration::from_secs(3)).await;
    let error = published.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    assert!(error.message().contains("127.0.0.1:1"), "{error}");
}
