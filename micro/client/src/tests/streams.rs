//! The four kinds of calls over the network, and how their halves end.

use std::future::poll_fn;

use http::HeaderMap;

use super::peer::{Held, IncomingResponses, Peer, answer, fields, framed, head, read, refuse};
use super::*;
use micro_core::handler::{Sender, Streaming};
use micro_message::error::{Error, ErrorKind};
use micro_message::metadata::Metadata;

fn pairs(metadata: &Metadata) -> Vec<(&str, &str)> {
    metadata.iter().collect()
}

/// Echoes its requests chunk by chunk. Its head is sent with the first chunk, as grpc-go does it.
pub(super) async fn echo_lazily(mut incoming: IncomingResponses) {
    let mut begun = None;
    while let Some(Ok(chunk)) = incoming.body.data().await {
        let room = incoming.body.flow_control().release_capacity(chunk.len());
        room.unwrap();
        if begun.is_none() {
            let response = head(&[("zone", "a")]);
            begun = incoming.respond.send_response(response, false).ok();
        }
        if let Some(stream) = &mut begun
            && stream.send_data(chunk, false).is_err()
        {
            return;
        }
    }
    let Some(mut stream) = begun else {
        return refuse(incoming.respond, &[("grpc-status", "3")]);
    };
    let trailers = fields(&[("grpc-status", "0"), ("cost", "7")]);
    stream.send_trailers(trailers).unwrap_or_default();
}

pub(super) async fn talk(
    client: &Client,
    address: &str,
    capacity: usize,
) -> (Sender<Text>, Streaming<Text>) {
    let (sender, requests) = Streaming::channel(capacity);
    let call = client.bidirectional::<Text>(&method(Kind::Bidirectional), requests);
    (sender, call.address(address).await.unwrap())
}

#[tokio::test]
async fn bidirectional_call_is_open_before_the_service_says_a_word() {
    let (peer, client) = (Peer::scripted(echo_lazily).await, Client::builder().build());
    let (sender, mut heard) = talk(&client, &peer.address(), 1).await;
    assert_eq!(client.core().in_flight(), 1);
    for said in ["a", "b", "c"] {
        sender.send(text(said)).await.unwrap();
        assert_eq!(heard.next().await.unwrap().unwrap(), text(said));
        assert_eq!(pairs(heard.metadata()), [("zone", "a")]);
        assert!(heard.trailers().is_none());
    }
    // Half-closed: the peer continues until it has answered all requests.
    sender.send(text("d")).await.unwrap();
    drop(sender);
    assert_eq!(heard.next().await.unwrap().unwrap(), text("d"));
    assert!(heard.next().await.is_none());
    assert_eq!(pairs(heard.trailers().unwrap()), [("cost", "7")]);
    assert_eq!(client.core().in_flight(), 0);
    until("only the connection's task is left", || {
        client.core().tasks.running() <= 2
    })
    .await;
}

#[tokio::test]
async fn small_requests_are_gathered() {
    let peer = Peer::scripted(|mut incoming: IncomingResponses| async move {
        let mut pieces = 0;
        let mut all = Vec::new();
        while let Some(Ok(chunk)) = incoming.body.data().await {
            let room = incoming.body.flow_control().release_capacity(chunk.len());
            room.unwrap();
            pieces += usize::from(!chunk.is_empty());
            all.extend_from_slice(&chunk);
        }
        let said = framed(format!("{pieces} {}", all.len()).as_bytes());
        let trailers = Some(&[("grpc-status", "0")][..]);
        answer(incoming.respond, head(&[]), said, trailers);
    });
    let (peer, client) = (peer.await, Client::builder().build());
    let (sender, requests) = Streaming::channel(100);
    for _ in 0..100 {
        sender.send(text("0123456789")).await.unwrap();
    }
    drop(sender);
    let call = client.client_stream::<Text>(&method(Kind::ClientStream), requests);
    let Text(reply) = call.address(peer.address()).await.unwrap();
    let (pieces, bytes) = reply.split_once(' ').unwrap();
    assert_eq!(bytes, "1500");
    // One, unless the sending task has to let others run meanwhile.
    assert!(pieces.parse::<u32>().unwrap() < 10, "{reply}");
}

#[tokio::test]
async fn server_stream_brings_messages_and_what_surrounds_them() {
    let peer = Peer::scripted(|mut incoming: IncomingResponses| async move {
        assert_eq!(&read(&mut incoming.body).await[5..], b"Ada");
        let messages = [&framed(b"one")[..], &framed(b""), &framed(b"three")].concat();
        let response = head(&[("zone", "a")]);
        let mut stream = incoming.respond.send_response(response, false).unwrap();
        for piece in messages.chunks(3) {
            let piece = Bytes::copy_from_slice(piece);
            stream.send_data(piece, false).unwrap();
        }
        let trailers = fields(&[
            ("grpc-status", "5"),
            ("grpc-message", "enough"),
            ("cost", "7"),
        ]);
        stream.send_trailers(trailers).unwrap();
    });
    let (peer, client) = (peer.await, Client::builder().build());
    let call = client.server_stream::<Text>(&method(Kind::ServerStream), text("Ada"));
    let mut heard = call.address(peer.address()).await.unwrap();
    assert_eq!(pairs(heard.metadata()), [("zone", "a")]);
    for expected in ["one", "", "three"] {
        assert_eq!(heard.next().await.unwrap().unwrap(), text(expected));
    }
    let error = heard.next().await.unwrap().unwrap_err();
    assert_eq!(
        (error.kind(), error.message()),
        (ErrorKind::NotFound, "enough")
    );
    assert_eq!(pairs(heard.trailers().unwrap()), [("cost", "7")]);
    assert!(heard.next().await.is_none());
}

#[tokio::test]
async fn head_with_a_status_is_all_of_a_stream() {
    for (status, kind) in [("0", None), ("7", Some(ErrorKind::PermissionDenied))] {
        let peer = Peer::scripted(move |incoming| async move {
            refuse(incoming.respond, &[("grpc-status", status)]);
        });
        let (peer, client) = (peer.await, Client::builder().build());
        let call = client.server_stream::<Text>(&method(Kind::ServerStream), text("Ada"));
        let opened = call.address(peer.address()).await;
        match (opened, kind) {
            (Ok(mut heard), None) => assert!(heard.next().await.is_none()),
            (Err(error), Some(kind)) => assert_eq!(error.kind(), kind),
            (opened, _) => panic!("{opened:?}"),
        }
        let (_sender, mut heard) = talk(&client, &peer.address(), 1).await;
        let end = heard.next().await.map(|next| next.unwrap_err().kind());
        assert_eq!(end, kind);
    }
}

#[tokio::test]
async fn dropping_the_replies_resets_the_call() {
    let peer =
        Peer::scripted(|mut incoming: IncomingResponses| async move { incoming.reset().await });
    let (peer, client) = (peer.await, Client::builder().build());
    let (sender, heard) = talk(&client, &peer.address(), 1).await;
    until("the call is there", || peer.running() == 1).await;
    drop(heard);
    until("it was reset", || peer.resets() == 1).await;
    sender.closed().await;
    assert_eq!(client.core().in_flight(), 0);
}

#[tokio::test]
async fn error_among_the_requests_cancels_the_call_and_is_the_callers() {
    let peer =
        Peer::scripted(|mut incoming: IncomingResponses| async move { incoming.reset().await });
    let (peer, client) = (peer.await, Client::builder().build());
    let (sender, mut heard) = talk(&client, &peer.address(), 1).await;
    sender.send(text("a")).await.unwrap();
    sender.fail(Error::data_loss("torn")).await.unwrap();
    let error = heard.next().await.unwrap().unwrap_err();
    assert_eq!(
        (error.kind(), error.message()),
        (ErrorKind::DataLoss, "torn")
    );
    until("it was reset", || peer.resets() == 1).await;

    let failing = Streaming::<Text>::make(|_| async { Err(Error::data_loss("torn")) });
    let call = client.client_stream::<Text>(&method(Kind::ClientStream), failing);
    let error = call.address(peer.address()).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.message()),
        (ErrorKind::DataLoss, "torn")
    );
    until("that too", || peer.resets() == 2).await;

    let panicking = Streaming::<Text>::make(|_| async { panic!("secret") });
    let call = client.bidirectional::<Text>(&method(Kind::Bidirectional), panicking);
    let mut heard = call.address(peer.address()).await.unwrap();
    let error = heard.next().await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Internal);
    until("and that", || peer.resets() == 3).await;
}

#[tokio::test]
async fn peer_that_ends_first_stops_the_requests() {
    let peer = Peer::scripted(|incoming: IncomingResponses| async move {
        refuse(incoming.respond, &[("grpc-status", "0")]);
    });
    let (peer, client) = (peer.await, Client::builder().build());
    let (sender, mut heard) = talk(&client, &peer.address(), 1).await;
    assert!(heard.next().await.is_none());
    sender.closed().await;
    // Even while the responses are not read.
    let (sender, _heard) = talk(&client, &peer.address(), 1).await;
    let wait = tokio::time::timeout(Duration::from_secs(10), sender.closed());
    wait.await.unwrap();
}

#[tokio::test]
async fn calls_go_elsewhere_until_something_of_them_was_taken() {
    let refusing = Peer::scripted(|mut incoming: IncomingResponses| async move {
        incoming.respond.send_reset(h2::Reason::REFUSED_STREAM);
    });
    let (refusing, echo) = (refusing.await, Arc::new(Peer::scripted(echo_lazily).await));
    let world = World::of(&[&refusing, &echo]).await;
    let client = world.client();
    let mut elsewhere = 0;
    for _ in 0..20 {
        let before = refusing.calls();
        // No request can be taken before the call has reached the peer that answers it.
        let (calls, answering) = (echo.calls(), Arc::clone(&echo));
        let late = Streaming::make(move |out: Sender<Text>| async move {
            until("it is elsewhere", || answering.calls() > calls).await;
            out.send(text("a")).await
        });
        let call = client.client_stream::<Text>(&method(Kind::ClientStream), late);
        assert_eq!(call.await.unwrap(), text("a"));
        let call = client.server_stream::<Text>(&method(Kind::ServerStream), text("a"));
        assert!(call.await.unwrap().next().await.unwrap().is_ok());
        elsewhere += refusing.calls() - before;
    }
    assert!(elsewhere > 0, "the refusing one was never asked");

    let call = client.client_stream::<Text>(
        &method(Kind::ClientStream),
        Streaming::make(|out: Sender<Text>| async move {
            out.send(text("a")).await?;
            std::future::pending().await
        }),
    );
    let error = call.address(refusing.address()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
}

#[tokio::test]
async fn connection_that_cannot_be_opened_leaves_the_requests_whole() {
    let gone = Peer::echo().await.kill().await;
    let (echo, mut world) = (Peer::scripted(echo_lazily).await, World::new());
    world.add(&gone).await;
    world.add(&echo.address()).await;
    let client = world.client();
    for _ in 0..10 {
        let (sender, requests) = Streaming::channel(1);
        let call = client.bidirectional::<Text>(&method(Kind::Bidirectional), requests);
        let mut heard = call.await.unwrap();
        sender.send(text("a")).await.unwrap();
        assert_eq!(heard.next().await.unwrap().unwrap(), text("a"));
    }
}

#[tokio::test]
async fn streams_outlive_a_peer_that_leaves() {
    let held = Held::default();
    let waiting = held.clone();
    let peer = Peer::scripted(move |mut incoming: IncomingResponses| {
        let waiting = waiting.clone();
        async move {
            let mut stream = incoming.respond.send_response(head(&[]), false).unwrap();
            stream.send_data(framed(b"one"), false).unwrap();
            waiting.wait().await;
            stream.send_data(framed(b"two"), false).unwrap();
            let end: HeaderMap = fields(&[("grpc-status", "0")]);
            stream.send_trailers(end).unwrap();
            poll_fn(|cx| stream.poll_reset(cx))
                .await
                .unwrap_or(h2::Reason::NO_ERROR);
        }
    });
    let (peer, client) = (peer.await, Client::builder().build());
    let call = client.server_stream::<Text>(&method(Kind::ServerStream), text("Ada"));
    let mut heard = call.address(peer.address()).await.unwrap();
    assert_eq!(heard.next().await.unwrap().unwrap(), text("one"));
    peer.leave();
    held.release();
    assert_eq!(heard.next().await.unwrap().unwrap(), text("two"));
    assert!(heard.next().await.is_none());
}

#[tokio::test]
async fn client_lives_as_long_as_its_streams() {
    let (peer, client) = (Peer::scripted(echo_lazily).await, Client::builder().build());
    let (sender, mut heard) = talk(&client, &peer.address(), 1).await;
    drop(client);
    sender.send(text("a")).await.unwrap();
    assert_eq!(heard.next().await.unwrap().unwrap(), text("a"));
    drop((sender, heard));
    until("the connection is closed", || peer.open() == 0).await;
}
