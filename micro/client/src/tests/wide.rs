//! More streams than one connection allows.

use super::peer::Peer;
use super::streams::{echo_lazily, talk};
use super::*;
use micro_core::handler::Streaming;
use micro_message::error::ErrorKind;

/// Starts a peer that allows four concurrent calls per connection.
async fn narrow() -> Peer {
    let mut builder = h2::server::Builder::new();
    builder.max_concurrent_streams(4);
    Peer::scripted_with(builder, echo_lazily).await
}

#[tokio::test]
async fn streams_that_take_a_connection_up_get_another_and_so_do_calls() {
    let (peer, client) = (narrow().await, Client::builder().build());
    let mut talks = Vec::new();
    for number in 0..10 {
        let (sender, mut heard) = talk(&client, &peer.address(), 1).await;
        sender.send(text(&number.to_string())).await.unwrap();
        assert!(heard.next().await.unwrap().is_ok());
        talks.push((sender, heard));
    }
    assert_eq!(peer.connections(), 3);
    for (number, (sender, heard)) in talks.iter_mut().enumerate() {
        let said = text(&format!("again {number}"));
        sender.send(said.clone()).await.unwrap();
        assert_eq!(heard.next().await.unwrap().unwrap(), said);
    }
    let call = client.call::<Text>(&hello(), text("Ada"));
    assert_eq!(call.address(peer.address()).await.unwrap(), text("Ada"));
    drop(talks);
    until("only the first is kept", || peer.open() == 1).await;
    assert_eq!(client.core().in_flight(), 0);
}

#[tokio::test]
async fn many_streams_opened_at_once_share_few_connections() {
    let (peer, client) = (narrow().await, Client::builder().build());
    let address = peer.address();
    let opening = (0..40).map(|_| {
        let (client, address) = (client.clone(), address.clone());
        tokio::spawn(async move {
            let (sender, mut heard) = talk(&client, &address, 1).await;
            sender.send(text("a")).await.unwrap();
            assert!(heard.next().await.unwrap().is_ok());
            (sender, heard)
        })
    });
    let opening: Vec<_> = opening.collect();
    let mut open = Vec::new();
    for opening in opening {
        open.push(opening.await.unwrap());
    }
    assert_eq!(peer.connections(), 10);
    assert_eq!(client.core().in_flight(), 40);
}

#[tokio::test]
async fn as_many_connections_as_allowed_and_then_the_line() {
    let config = Config {
        max_connections: 2,
        ..Config::default()
    };
    let (peer, client) = (narrow().await, Client::builder().config(config).build());
    let mut talks = Vec::new();
    for _ in 0..8 {
        talks.push(talk(&client, &peer.address(), 1).await);
    }
    let open = || {
        let (_sender, requests) = Streaming::<Text>::channel(1);
        let call = client.bidirectional::<Text>(&method(Kind::Bidirectional), requests);
        call.address(peer.address())
    };
    let late = open().timeout(Duration::from_millis(50)).await.unwrap_err();
    assert_eq!(late.kind(), ErrorKind::DeadlineExceeded);
    assert!(
        late.message().contains("no free stream within 50ms"),
        "{late}"
    );
    let waiting = tokio::spawn(open().into_future());
    drop(talks);
    waiting.await.unwrap().unwrap();
    assert_eq!(peer.connections(), 2);
}
