//! Streams that are always ready: deadlines, errors and other tasks must still be noticed.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use tokio::time::{Instant, sleep};

use super::peer::{IncomingResponses, Peer, framed, head};
use super::*;
use micro_core::handler::{Method, Parts, Resources, Route, Router, ServiceInfo, Streaming};
use micro_message::error::{Error, ErrorKind};

/// Maximum total time until a deadline is noticed.
const LATE: Duration = Duration::from_secs(2);

/// Endless messages, each of which keeps the processor busy for a while.
struct Busy;

impl Stream for Busy {
    type Item = Text;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Text>> {
        std::thread::sleep(Duration::from_micros(200));
        Poll::Ready(Some(text("x")))
    }
}

/// Starts a peer that reads all requests and never responds.
async fn sponge() -> Peer {
    Peer::scripted(|mut incoming: IncomingResponses| async move {
        while let Some(Ok(chunk)) = incoming.body.data().await {
            let room = incoming.body.flow_control().release_capacity(chunk.len());
            room.unwrap_or_default();
        }
        incoming.reset().await;
    })
    .await
}

/// Starts a peer that sends messages as fast as they are accepted.
async fn spring() -> Peer {
    Peer::scripted(|mut incoming: IncomingResponses| async move {
        let Ok(mut stream) = incoming.respond.send_response(head(&[]), false) else {
            return;
        };
        let piece = framed(b"drop").repeat(1_000);
        loop {
            stream.reserve_capacity(piece.len());
            while stream.capacity() < piece.len() {
                match std::future::poll_fn(|cx| stream.poll_capacity(cx)).await {
                    Some(Ok(_)) => {}
                    _ => return,
                }
            }
            if stream.send_data(piece.clone().into(), false).is_err() {
                return;
            }
        }
    })
    .await
}

#[tokio::test]
async fn requests_that_are_always_ready_end_with_their_deadline() {
    let (peer, client) = (sponge().await, Client::builder().build());
    let short = Duration::from_millis(200);
    let started = Instant::now();
    let call = client.client_stream::<Text>(&method(Kind::ClientStream), Streaming::new(Busy));
    let call = call.address(peer.address()).timeout(short);
    assert_eq!(call.await.unwrap_err().kind(), ErrorKind::DeadlineExceeded);
    assert!(started.elapsed() < LATE, "{:?}", started.elapsed());

    let started = Instant::now();
    let call = client.bidirectional::<Text>(&method(Kind::Bidirectional), Streaming::new(Busy));
    let call = call.address(peer.address()).timeout(short);
    let error = call.await.unwrap().next().await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DeadlineExceeded);
    assert!(started.elapsed() < LATE, "{:?}", started.elapsed());
    until("both were reset", || peer.resets() == 2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_with_the_requests_is_always_told() {
    let client = Client::builder().build();
    let mut peer = sponge().await;
    for number in 0..200 {
        // A peer that sees many resets at once treats its client as an attacker.
        if number % 10 == 9 {
            peer = sponge().await;
        }
        let requests = Streaming::make(|out| async move {
            out.send(text("one")).await?;
            tokio::task::yield_now().await;
            Err(Error::data_loss("mine"))
        });
        let call = client.bidirectional::<Text>(&method(Kind::Bidirectional), requests);
        let mut heard = call.address(peer.address()).await.unwrap();
        let error = heard.next().await.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::DataLoss, "{error}");
    }
}

#[tokio::test]
async fn replies_that_lie_ready_end_with_their_deadline() {
    let (peer, client) = (spring().await, Client::builder().build());
    let started = Instant::now();
    let call = client.server_stream::<Text>(&method(Kind::ServerStream), text("go"));
    let call = call
        .address(peer.address())
        .timeout(Duration::from_millis(200));
    let mut heard = call.await.unwrap();
    let error = loop {
        match heard.next().await.unwrap() {
            Ok(_) => sleep(Duration::from_millis(1)).await,
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), ErrorKind::DeadlineExceeded);
    assert!(started.elapsed() < LATE, "{:?}", started.elapsed());
    assert!(heard.next().await.is_none());
}

#[tokio::test]
async fn streams_of_the_same_process_end_with_their_deadline() {
    let many = Method::server_stream("Many", |_: Parts, _: Text| async {
        Ok(Streaming::new(Busy))
    });
    let info = ServiceInfo::new("greeter", "greeter.Greeter");
    let mut router = Router::new();
    let route = Route::new(info, &many, Arc::new(()), Resources::new());
    router.add(route).unwrap();
    let client = Client::builder().local(router).build();
    let many = MethodInfo::new("greeter", "/greeter.Greeter/Many").kind(Kind::ServerStream);
    let started = Instant::now();
    let call = client.server_stream::<Text>(&Arc::new(many), text("go"));
    let mut heard = call.timeout(Duration::from_millis(200)).await.unwrap();
    let error = loop {
        if let Err(error) = heard.next().await.unwrap() {
            break error;
        }
    };
    assert_eq!(error.kind(), ErrorKind::DeadlineExceeded);
    assert!(started.elapsed() < LATE, "{:?}", started.elapsed());
}
