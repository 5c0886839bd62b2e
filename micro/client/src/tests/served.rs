//! Which nodes a call may go to: those that serve its method, speak its protocol, and have the
//! version that the client asks for.

use std::time::Instant;

use super::peer::Peer;
use super::*;
use crate::selector::{Filter, Strategy};
use micro_message::error::ErrorKind;

const HELLO: &str = "/greeter.Greeter/Hello";
const BYE: &str = "/greeter.Greeter/Bye";

fn bye() -> Arc<MethodInfo> {
    Arc::new(MethodInfo::new("greeter", BYE))
}

fn node(id: &str, peer: &Peer, methods: &[&str]) -> Node {
    Node::new("greeter", id, peer.address()).with_methods(methods.iter().copied())
}

/// Calls a method at the nodes in turn.
async fn call(client: &Client, method: &Arc<MethodInfo>) -> Result<Text> {
    let call = client.call(method, text("Ada"));
    call.strategy(Strategy::RoundRobin).await
}

#[tokio::test]
async fn new_method_is_called_at_new_nodes_only() {
    let [old, new] = [Peer::echo().await, Peer::echo().await];
    let mut world = World::new();
    world.register(node("old", &old, &[HELLO])).await;
    world.register(node("new", &new, &[HELLO, BYE])).await;
    let client = world.client();
    for _ in 0..30 {
        call(&client, &bye()).await.unwrap();
    }
    assert_eq!((old.calls(), new.calls()), (0, 30));
    for _ in 0..30 {
        call(&client, &hello()).await.unwrap();
    }
    assert!(old.calls() > 0, "the old node serves the old method");
}

#[tokio::test]
async fn method_that_no_node_serves_is_unimplemented_and_names_the_nodes() {
    let old = Peer::echo().await;
    let mut world = World::new();
    let record = node("greeter-old", &old, &[HELLO]).with_version("1.0.2");
    world.register(record).await;
    let client = world.client();
    let start = Instant::now();
    let error = call(&client, &bye()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unimplemented);
    assert_eq!(
        error.message(),
        "no node of `greeter` serves `/greeter.Greeter/Bye`; nodes without this method: \
         `greeter-old` (version 1.0.2)"
    );
    assert!(
        start.elapsed() < Duration::from_secs(10),
        "not the whole timeout"
    );
    assert_eq!(old.calls(), 0);
}

#[tokio::test]
async fn call_waits_for_the_first_node_with_the_method() {
    let [old, new] = [Peer::echo().await, Peer::echo().await];
    let mut world = World::new();
    world.register(node("old", &old, &[HELLO])).await;
    let client = world.client();
    let calling = tokio::spawn({
        let client = client.clone();
        async move { call(&client, &bye()).await }
    });
    until("the call waits", || client.core().waiting("greeter") == 1).await;
    world.register(node("new", &new, &[BYE])).await;
    calling.await.unwrap().unwrap();
    assert_eq!((old.calls(), new.calls()), (0, 1));
}

#[tokio::test]
async fn services_of_two_packages_under_one_name_are_never_mixed() {
    let [shop, pay] = [Peer::echo().await, Peer::echo().await];
    let mut world = World::new();
    for (id, peer, path) in [
        ("shop", &shop, "/shop.Health/Check"),
        ("pay", &pay, "/pay.Health/Check"),
    ] {
        let node = Node::new("health", id, peer.address()).with_methods([path]);
        world.register(node).await;
    }
    let client = world.client();
    let method = |path: &'static str| Arc::new(MethodInfo::new("health", path));
    for _ in 0..30 {
        call(&client, &method("/shop.Health/Check")).await.unwrap();
    }
    assert_eq!((shop.calls(), pay.calls()), (30, 0));
    let error = client
        .call::<Text>(&method("/mail.Health/Check"), text("Ada"))
        .timeout(Duration::from_millis(50))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    let expected = "2 nodes of this name serve other packages";
    assert!(error.message().contains(expected), "{error}");
}

#[tokio::test]
async fn node_of_another_protocol_is_passed_over() {
    let [go, ours] = [Peer::echo().await, Peer::echo().await];
    let mut world = World::new();
    let record = node("greeter-go", &go, &[]).with_metadata("protocol", "mucp");
    world.register(record).await;
    let client = world.client();
    let error = call(&client, &hello()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unimplemented);
    assert_eq!(
        error.message(),
        "no node of `greeter` speaks gRPC; nodes with another protocol: `greeter-go` (`mucp`)"
    );
    let record = node("greeter-us", &ours, &[]).with_metadata("protocol", "grpc");
    world.register(record).await;
    until("both are known", || client.core().nodes("greeter") == 2).await;
    for _ in 0..30 {
        call(&client, &hello()).await.unwrap();
    }
    assert_eq!((go.connections(), ours.calls()), (0, 30));
}

#[tokio::test]
async fn client_with_a_version_calls_nodes_of_that_version() {
    let [one, two] = [Peer::echo().await, Peer::echo().await];
    let mut world = World::new();
    world
        .register(node("one", &one, &[]).with_version("1.2.7"))
        .await;
    world
        .register(node("two", &two, &[]).with_version("2.0.0"))
        .await;
    let client = world.client();
    let pinned = client.with_filter(Filter::new().version("1.2"));
    for _ in 0..30 {
        call(&pinned, &hello()).await.unwrap();
    }
    assert_eq!((one.calls(), two.calls()), (30, 0));
    let own = pinned.call::<Text>(&hello(), text("Ada")).version("2");
    own.await.unwrap();
    assert_eq!(two.calls(), 1, "a call's own version replaces the client's");
    for _ in 0..30 {
        call(&client, &hello()).await.unwrap();
    }
    assert!(two.calls() > 1, "other clones are not restricted");
}

#[tokio::test]
async fn further_address_is_tried_when_the_first_cannot_be_reached() {
    let peer = Peer::echo().await;
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let dead = closed.local_addr().unwrap().to_string();
    drop(closed);
    let mut world = World::new();
    let record = Node::new("greeter", "a", &*dead);
    let record = record.with_other_addresses([dead.clone(), peer.address()]);
    world.register(record).await;
    let client = world.client();
    for _ in 0..10 {
        call(&client, &hello()).await.unwrap();
    }
    assert_eq!((peer.calls(), peer.connections()), (10, 1));
}

#[tokio::test]
async fn further_address_is_tried_when_the_first_does_not_answer() {
    let peer = Peer::echo().await;
    // It accepts connections and never answers.
    let mute = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut world = World::new();
    let record = Node::new("greeter", "a", mute.local_addr().unwrap().to_string());
    world
        .register(record.with_other_addresses([peer.address()]))
        .await;
    let config = Config {
        connect_timeout: Duration::from_secs(60),
        ..Config::default()
    };
    let client = world.client_with(config);
    let start = Instant::now();
    call(&client, &hello()).await.unwrap();
    assert!(
        start.elapsed() < Duration::from_secs(30),
        "not the whole timeout"
    );
    drop(mute);
}

#[tokio::test]
async fn error_names_every_address_that_was_tried() {
    let mut world = World::new();
    let record = Node::new("greeter", "a", "127.0.0.1:1").with_other_addresses(["127.0.0.1:2"]);
    world.register(record).await;
    let error = call(&world.client(), &hello()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    for address in [
        "127.0.0.1:1: connection refused",
        "127.0.0.1:2: connection refused",
    ] {
        assert!(error.message().contains(address), "{error}");
    }
}
