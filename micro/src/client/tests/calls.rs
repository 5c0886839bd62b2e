//! Plain calls: found, sent, answered; options, metadata, what a node sees.

use super::peer::{Held, Incoming, Peer, answer, echo, framed, head, read, refuse};
use super::*;
use crate::context::Context;
use crate::error::ErrorKind;

#[tokio::test]
async fn call_finds_its_node_and_is_answered() {
    let peer = Peer::echo().await;
    let world = World::of(&[&peer]).await;
    let client = world.client();
    for _ in 0..3 {
        let reply: Text = client.call(&hello(), text("Ada")).await.unwrap();
        assert_eq!(reply, text("Ada"));
    }
    assert_eq!((peer.calls(), peer.connections()), (3, 1));
    assert_eq!(client.core().in_flight(), 0);
}

#[tokio::test]
async fn call_to_an_address_needs_no_registry() {
    let peer = Peer::echo().await;
    let client = Client::builder().build();
    let call = client
        .call::<Text>(&hello(), text("Ada"))
        .address(peer.address());
    assert_eq!(call.await.unwrap(), text("Ada"));
    let error = client
        .call::<Text>(&hello(), text("Ada"))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::FailedPrecondition);
    let refused = peer.kill().await;
    let call = client.call::<Text>(&hello(), text("Ada")).address(&refused);
    let error = call.await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "`/greeter.Greeter/Hello` at {refused}: cannot connect: connection refused (attempt 3 of 3)"
        )
    );
}
