//! Peers that accept a connection and send no response, either from the start or after some time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use micro::ErrorKind;
use micro::broker::Options;
use micro::registry::{Memory, Node, Registry};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::{DEADLINE, TTL, counting, event, node, publisher, ready, until};

const TOPIC: &str = "peers.silent";

/// How a peer fails to respond.
#[derive(Debug, Clone, Copy)]
enum Silent {
    /// Accepts the connection and sends nothing.
    Mute,
    /// Completes the HTTP/2 handshake and then stops reading.
    Stalled,
    /// Responds to HTTP/2 pings but not to requests.
    Idle,
}

/// Starts an unresponsive member of a queue or plain subscriber. It ends when the task is aborted.
async fn silent(registry: &Registry, how: Silent, queue: &str) -> JoinHandle<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    // The id sorts before those of the other members.
    let node = Node::new("micro.http.broker", "0-silent", address)
        .with_version(queue)
        .with_metadata("topic", TOPIC)
        .with_metadata("micro", "1");
    std::mem::forget(registry.register(node, TTL).await.unwrap());
    tokio::spawn(async move {
        let mut kept = Vec::new();
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            kept.push(tokio::spawn(async move {
                if matches!(how, Silent::Mute) {
                    std::future::pending::<()>().await;
                }
                let mut connection = h2::server::handshake(stream).await.unwrap();
                let asked = connection.accept().await;
                if matches!(how, Silent::Idle) {
                    while connection.accept().await.is_some() {}
                }
                std::future::pending::<()>().await;
                drop((connection, asked));
            }));
        }
    })
}

/// The error names an unresponsive plain subscriber in time, and the other subscriber receives
/// every event without delay.
#[tokio::test]
async fn a_silent_subscriber_is_named_and_holds_up_nobody_else() {
    for how in [Silent::Mute, Silent::Stalled, Silent::Idle] {
        let registry = Registry::new(Memory::new());
        let (app, running) = node(&registry).await;
        let count = Arc::new(AtomicUsize::new(0));
        let subscribed = app
            .broker()
            .subscribe(TOPIC, Options::new(), counting(&count));
        let subscription = subscribed.await.unwrap();
        let broker = publisher(&registry).await;
        ready(&broker, TOPIC, 1).await;
        let peer = silent(&registry, how, "ff.http.broadcast").await;
        let mut publishing = tokio::task::JoinSet::new();
        for number in 0..50 {
            // The events exceed the buffers of a peer that does not read.
            let body = format!("{number} {}", "x".repeat(16 << 10));
            let published = broker.publish_event(event(TOPIC, body));
            publishing.spawn(published.timeout(Duration::from_millis(300)).into_future());
        }
        until("the other one has all", || {
            count.load(Ordering::SeqCst) == 50
        })
        .await;
        while let Some(published) = publishing.join_next().await {
            let error = published.unwrap().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unavailable, "{how:?}: {error}");
            for word in ["subscriber `0-silent` did not take", "does not answer"] {
                assert!(error.message().contains(word), "{how:?}: {error}");
            }
        }
        assert_eq!(broker.flush(DEADLINE).await, 0, "{how:?}");
        peer.abort();
        subscription.close(DEADLINE).await.unwrap();
        running.stop().await;
    }
}

/// Events that an unresponsive member of a queue does not accept go to the other member, and later
/// events do not wait for it again.
#[tokio::test]
async fn a_silent_member_is_passed_over() {
    for how in [Silent::Mute, Silent::Stalled, Silent::Idle] {
        let registry = Registry::new(Memory::new());
        let peer = silent(&registry, how, "shared").await;
        let (app, running) = node(&registry).await;
        let count = Arc::new(AtomicUsize::new(0));
        let options = Options::new().queue("shared");
        let subscribed = app.broker().subscribe(TOPIC, options, counting(&count));
        let subscription = subscribed.await.unwrap();
        let broker = publisher(&registry).await;
        let all = async {
            for number in 0..100 {
                let published = broker.publish_event(event(TOPIC, number)).await;
                assert_eq!(published.unwrap().taken, 1);
            }
        };
        let passed = tokio::time::timeout(DEADLINE, all).await;
        passed.unwrap_or_else(|_| panic!("{how:?} is waited for with each event"));
        until("all are handled", || count.load(Ordering::SeqCst) == 100).await;
        peer.abort();
        subscription.close(DEADLINE).await.unwrap();
        running.stop().await;
    }
}
