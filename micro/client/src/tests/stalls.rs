//! Peers and readers that stall, some of them for ever: memory is bounded and deadlines hold.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::peer::{Held, IncomingResponses, Peer, answer, fields, framed, head, read};
use super::streams::{echo_lazily, talk};
use super::*;
use micro_core::handler::Streaming;
use micro_message::error::ErrorKind;

/// Starts a peer that neither reads nor answers its calls.
async fn stone() -> Peer {
    Peer::scripted(|mut incoming: IncomingResponses| async move { incoming.reset().await }).await
}

/// Creates an endless stream of requests of 1,000 bytes, and a counter of the requests taken.
fn endless() -> (Streaming<Text>, Arc<AtomicUsize>) {
    struct Endless(Arc<AtomicUsize>);
    impl futures_core::Stream for Endless {
        type Item = Text;
        fn poll_next(
            self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
        ) -> Poll<Option<Text>> {
            self.0.fetch_add(1, Ordering::SeqCst);
            Poll::Ready(Some(text(&"x".repeat(1_000))))
        }
    }
    let taken = Arc::<AtomicUsize>::default();
    (Streaming::new(Endless(Arc::clone(&taken))), taken)
}

#[tokio::test]
async fn peer_that_does_not_read_stops_the_requests_and_the_deadline_ends_them() {
    let (peer, client) = (stone().await, Client::builder().build());
    let (requests, taken) = endless();
    let call = client.bidirectional::<Text>(&method(Kind::Bidirectional), requests);
    let short = Duration::from_secs(1);
    let mut heard = call.address(peer.address()).timeout(short).await.unwrap();
    let error = heard.next().await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DeadlineExceeded);
    let address = peer.address();
    let expected = format!(
        "`/greeter.Greeter/Talk` at {address}: the stream did not end within 1s, the call's \
         timeout"
    );
    assert_eq!(error.to_string(), expected);
    // The peer's window of 64 KiB, and the batch for the next frame.
    let taken = taken.load(Ordering::SeqCst);
    assert!((60..=85).contains(&taken), "{taken}");
    until("it was reset", || peer.resets() == 1).await;

    let (requests, taken) = endless();
    let call = client.client_stream::<Text>(&method(Kind::ClientStream), requests);
    let error = call
        .address(peer.address())
        .timeout(short)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DeadlineExceeded);
    assert!(taken.load(Ordering::SeqCst) <= 85);
    until("that too", || peer.resets() == 2).await;
}

#[tokio::test]
async fn caller_who_only_sends_hears_of_the_deadline() {
    let (peer, client) = (stone().await, Client::builder().build());
    let (sender, requests) = Streaming::channel(1);
    let call = client.bidirectional::<Text>(&method(Kind::Bidirectional), requests);
    let short = Duration::from_millis(200);
    let mut heard = call.address(peer.address()).timeout(short).await.unwrap();
    while sender.send(text(&"x".repeat(1_000))).await.is_ok() {}
    let error = heard.next().await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DeadlineExceeded);
}

#[tokio::test]
async fn silence_ends_streams_and_a_head_that_never_comes_the_opening() {
    let (peer, client) = (stone().await, Client::builder().build());
    let (_sender, requests) = Streaming::<Text>::channel(1);
    let call = client.bidirectional::<Text>(&method(Kind::Bidirectional), requests);
    let call = call.address(peer.address());
    let mut heard = call.idle_timeout(Duration::from_millis(50)).await.unwrap();
    let error = heard.next().await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DeadlineExceeded);
    assert!(error.message().contains("`idle_timeout`"), "{error}");
    until("it was reset", || peer.resets() == 1).await;

    let config = Config {
        timeout: Duration::from_millis(50),
        ..Config::default()
    };
    let client = Client::builder().config(config).build();
    let call = client.server_stream::<Text>(&method(Kind::ServerStream), text("Ada"));
    let error = call.address(peer.address()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DeadlineExceeded);
    let what = "no reply within 50ms, the client's timeout";
    assert!(error.message().contains(what), "{error}");

    let client = Client::builder().build();
    let call = client.server_stream::<Text>(&method(Kind::ServerStream), text("Ada"));
    let call = call
        .address(peer.address())
        .timeout(Duration::from_secs(20));
    let error = call
        .idle_timeout(Duration::from_millis(50))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DeadlineExceeded);
    assert!(error.message().contains("`idle_timeout`"), "{error}");
    until("all were reset", || peer.resets() == 3).await;
}

/// Returns the number of bytes that a peer could send of an endless stream before flow control
/// stopped it, with the stream and the peer.
async fn sent_to_a_stalled_reader(size: usize) -> (usize, Streaming<Text>, Peer) {
    let sent = Arc::<AtomicUsize>::default();
    let counting = Arc::clone(&sent);
    let peer = Peer::scripted(move |mut incoming: IncomingResponses| {
        let counting = Arc::clone(&counting);
        async move {
            let mut stream = incoming.respond.send_response(head(&[]), false).unwrap();
            let message = framed(&vec![b'x'; size]);
            loop {
                let mut rest = message.clone();
                while !rest.is_empty() {
                    stream.reserve_capacity(rest.len());
                    let room = std::future::poll_fn(|cx| match stream.capacity() {
                        0 => stream.poll_capacity(cx).map(|room| room?.ok()),
                        room => Poll::Ready(Some(room)),
                    });
                    let Some(room) = room.await else { return };
                    let part = rest.split_to(room.min(rest.len()));
                    counting.fetch_add(part.len(), Ordering::SeqCst);
                    if stream.send_data(part, false).is_err() {
                        return;
                    }
                }
            }
        }
    });
    let (peer, client) = (peer.await, Client::builder().build());
    let call = client.server_stream::<Text>(&method(Kind::ServerStream), text("Ada"));
    let heard = call.address(peer.address()).await.unwrap();
    let enough = Config::default().stream_window / 2;
    until("half the window is sent", || {
        sent.load(Ordering::SeqCst) > enough
    })
    .await;
    let mut before = 0;
    while before != sent.load(Ordering::SeqCst) {
        before = sent.load(Ordering::SeqCst);
        others_run().await;
    }
    (before, heard, peer)
}

/// Lets every task of this thread run and polls its sockets, many times, so that each task that
/// could send has sent. A sleep would not do: a slow machine may do nothing during it.
async fn others_run() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let here = TcpStream::connect(listener.local_addr().unwrap());
    let (here, there) = tokio::join!(here, listener.accept());
    let (mut here, (mut there, _)) = (here.unwrap(), there.unwrap());
    for _ in 0..200 {
        here.write_u8(0).await.unwrap();
        there.read_u8().await.unwrap();
        there.write_u8(0).await.unwrap();
        here.read_u8().await.unwrap();
    }
}

#[tokio::test]
async fn unread_replies_take_no_more_than_the_window() {
    let window = Config::default().stream_window;
    for size in [100, 100_000] {
        let (sent, mut heard, _peer) = sent_to_a_stalled_reader(size).await;
        assert!(sent <= window, "{size}: {sent} of {window}");
        // The stream continues when the messages are read.
        for _ in 0..2 * window / size {
            assert_eq!(heard.next().await.unwrap().unwrap().0.len(), size);
        }
    }
}

#[tokio::test]
async fn slow_readers_of_short_messages_do_not_harm_their_connection() {
    let peer = Peer::scripted(|mut incoming: IncomingResponses| async move {
        let mut stream = incoming.respond.send_response(head(&[]), false).unwrap();
        for _ in 0..20_000 {
            // Each message in its own frame.
            stream.reserve_capacity(6);
            let room = std::future::poll_fn(|cx| match stream.capacity() {
                0 => stream.poll_capacity(cx).map(|room| room?.ok()),
                room => Poll::Ready(Some(room)),
            });
            if room.await.is_none() || stream.send_data(framed(b"x"), false).is_err() {
                return;
            }
        }
        let end = fields(&[("grpc-status", "0")]);
        stream.send_trailers(end).unwrap_or_default();
    });
    let (peer, client) = (peer.await, Client::builder().build());
    let mut streams = Vec::new();
    for _ in 0..8 {
        let call = client.server_stream::<Text>(&method(Kind::ServerStream), text("Ada"));
        streams.push(call.address(peer.address()).await.unwrap());
    }
    until("all is sent", || peer.running() == 0).await;
    for mut stream in streams {
        let mut count = 0;
        while let Some(next) = stream.next().await {
            assert_eq!(next.unwrap(), text("x"));
            count += 1;
        }
        assert_eq!(count, 20_000);
    }
    assert_eq!(peer.connections(), 1);
}

#[tokio::test]
async fn uploads_are_held_back_by_a_slow_service() {
    let held = Held::default();
    let waiting = held.clone();
    let peer = Peer::scripted(move |mut incoming: IncomingResponses| {
        let waiting = waiting.clone();
        async move {
            waiting.wait().await;
            let len = read(&mut incoming.body).await.len();
            let said = framed(len.to_string().as_bytes());
            let end = Some(&[("grpc-status", "0")][..]);
            answer(incoming.respond, head(&[]), said, end);
        }
    });
    let (peer, client) = (peer.await, Client::builder().build());
    let (sender, requests) = Streaming::channel(1);
    let call = client.client_stream::<Text>(&method(Kind::ClientStream), requests);
    let call = tokio::spawn(call.address(peer.address()).into_future());
    let message = text(&"x".repeat(10_000));
    let mut sent = 0;
    while let Ok(sending) =
        tokio::time::timeout(Duration::from_millis(200), sender.send(message.clone())).await
    {
        sending.unwrap();
        sent += 1;
    }
    assert!(sent < 15, "{sent}");
    held.release();
    for _ in sent..100 {
        sender.send(message.clone()).await.unwrap();
    }
    drop(sender);
    assert_eq!(call.await.unwrap().unwrap(), text("1000500"));
}

#[tokio::test]
async fn bidirectional_echo_under_back_pressure_loses_nothing() {
    let (peer, client) = (Peer::scripted(echo_lazily).await, Client::builder().build());
    let (sender, mut heard) = talk(&client, &peer.address(), 4).await;
    let sending = async move {
        for number in 0..2_000 {
            let message = text(&format!("{number} {}", "x".repeat(number % 700)));
            sender.send(message).await.unwrap();
        }
    };
    let reading = async {
        let mut count = 0;
        while let Some(next) = heard.next().await {
            assert!(next.unwrap().0.starts_with(&format!("{count} ")));
            count += 1;
        }
        count
    };
    let ((), count) = tokio::join!(sending, reading);
    assert_eq!(count, 2_000);
}
