//! Limits on buffered bytes: a message or response that finds no room waits or is refused, with an
//! error that names the full buffer.

use std::time::Duration;

use bytes::Bytes;
use h2::SendStream;
use h2::client::ResponseFuture;
use tokio::task::JoinSet;

use crate::tests::client::{Grpc, request, text};
use crate::tests::{Served, until, within};

const KIB: usize = 1 << 10;

/// A message whose text has `length` bytes.
fn long(length: usize) -> Bytes {
    text(&"x".repeat(length))
}

/// Begins a call and sends the first `length` bytes of its message.
async fn half(grpc: &Grpc, body: &Bytes, length: usize) -> (ResponseFuture, SendStream<Bytes>) {
    let mut client = grpc.send.clone().ready().await.unwrap();
    let request = request("/test.Test/Echo", &[]);
    let (response, mut stream) = client.send_request(request, false).unwrap();
    stream.send_data(body.slice(..length), false).unwrap();
    (response, stream)
}

#[tokio::test]
async fn message_without_room_waits_until_another_one_is_complete() {
    let served = Served::with(|config| {
        config.limits.connection_receive_buffer = 100 * KIB;
    })
    .await;
    let grpc = served.grpc().await;
    let body = long(60 * KIB);
    let (first, mut stream) = half(&grpc, &body, 40 * KIB).await;
    // A message that fits into one frame needs no room.
    assert_eq!(grpc.echo("meanwhile").await, "meanwhile");
    let (other, whole) = (grpc.clone(), body.clone());
    let mut second =
        tokio::spawn(async move { other.call("/test.Test/Echo", &[], whole).await.texts() });
    let waited = tokio::time::timeout(Duration::from_millis(200), &mut second);
    assert!(waited.await.is_err(), "it found room");
    stream.send_data(body.slice(40 * KIB..), true).unwrap();
    assert!(within(first).await.unwrap().status().is_success());
    assert_eq!(within(second).await.unwrap().concat().len(), 60 * KIB);
}

#[tokio::test]
async fn message_that_is_larger_than_the_buffer_passes_alone() {
    let served = Served::with(|config| {
        config.limits.connection_receive_buffer = KIB;
        config.limits.server_receive_buffer = KIB;
        config.limits.connection_send_buffer = KIB;
        config.limits.server_send_buffer = KIB;
    })
    .await;
    let grpc = served.grpc().await;
    let answer = grpc.call("/test.Test/Echo", &[], long(3 << 20)).await;
    assert_eq!((answer.code(), answer.texts().concat().len()), (0, 3 << 20));
}

/// Over HTTP/1 no flow-control window holds the response back, only the socket.
#[tokio::test]
async fn large_response_of_http1_is_whole() {
    let served = Served::new().await;
    let json = format!("{{\"text\":\"{}\"}}", "x".repeat(3 << 20));
    let header = "content-type: application/json\r\n";
    let (head, body) = served
        .post("/test.Test/Echo", header, json.as_bytes())
        .await;
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert_eq!(body.len(), json.len());
    until(|| served.running.server.totals.send.held() == 0).await;
}

#[tokio::test]
async fn message_that_finds_no_room_in_time_is_refused_and_so_are_too_many() {
    let served = Served::with(|config| {
        config.limits.connection_receive_buffer = 100 * KIB;
        config.limits.stall_timeout = Duration::from_millis(500);
    })
    .await;
    let grpc = served.grpc().await;
    let body = long(90 * KIB);
    let mut half_sent = Vec::new();
    let mut calls = JoinSet::new();
    // A message that makes progress keeps its room.
    let (_first, mut stream) = half(&grpc, &body, 20 * KIB).await;
    let progress = tokio::spawn(async move {
        for at in 20 * KIB.. {
            tokio::time::sleep(Duration::from_millis(50)).await;
            if stream.send_data(body.slice(at..=at), false).is_err() {
                return;
            }
        }
    });
    for _ in 0..40 {
        let (response, stream) = half(&grpc, &long(90 * KIB), 20 * KIB).await;
        half_sent.push(stream);
        calls.spawn(response);
    }
    while let Some(response) = within(calls.join_next()).await {
        let head = response.unwrap().unwrap();
        let field = |name| head.headers()[name].to_str().unwrap().to_owned();
        assert_eq!(field("grpc-status"), "8");
        assert!(field("grpc-message").contains("receive buffer is full"));
        assert!(field("grpc-message").contains("limits.connection_receive_buffer"));
    }
    progress.abort();
}

#[tokio::test]
async fn full_server_refuses_what_another_one_may_take() {
    let served = Served::with(|config| {
        config.limits.server_receive_buffer = 300 * KIB;
    })
    .await;
    let body = long(400 * KIB);
    let first = served.grpc().await;
    let held = half(&first, &body, 100 * KIB).await;
    let grpc = served.grpc().await;
    let total = &served.running.server.totals.receive;
    until(|| total.held() > 150 * KIB).await;
    let answer = grpc.call("/test.Test/Echo", &[], body).await;
    assert_eq!(answer.code(), 14, "{answer:?}");
    assert!(answer.says("micro-not-handled"), "{answer:?}");
    assert!(answer.message().contains("limits.server_receive_buffer"));
    // Ordinary calls do not count in the server's total.
    assert_eq!(grpc.echo("still here").await, "still here");
    drop(held);
    until(|| total.held() == 0).await;
}

#[tokio::test]
async fn calls_wait_for_a_peer_that_takes_no_responses_and_go_on_when_it_does() {
    let served = Served::with(|config| {
        config.limits.connection_send_buffer = 100 * KIB;
    })
    .await;
    let (grpc, open) = mute(&served).await;
    let (told, mut heads) = tokio::sync::mpsc::unbounded_channel();
    let mut calls = JoinSet::new();
    for _ in 0..8 {
        let body = long(30 * KIB);
        let mut client = grpc.send.clone().ready().await.unwrap();
        let request = request("/test.Test/Echo", &[]);
        let (response, mut stream) = client.send_request(request, false).unwrap();
        stream.send_data(body.clone(), true).unwrap();
        let told = told.clone();
        calls.spawn(async move {
            let (_, mut reply) = response.await.unwrap().into_parts();
            told.send(()).unwrap();
            let mut read = 0;
            while let Some(chunk) = reply.data().await {
                let chunk = chunk.unwrap();
                reply.flow_control().release_capacity(chunk.len()).unwrap();
                read += chunk.len();
            }
            assert_eq!(read, body.len());
        });
    }
    // Two responses fill more than half of the buffer.
    within(heads.recv()).await.unwrap();
    within(heads.recv()).await.unwrap();
    let third = tokio::time::timeout(Duration::from_millis(300), heads.recv());
    assert!(third.await.is_err(), "a third handler ran");
    open.send(1 << 20).await.unwrap();
    while let Some(called) = within(calls.join_next()).await {
        called.unwrap();
    }
    until(|| served.running.server.totals.send.held() == 0).await;
}

#[tokio::test]
async fn deadline_of_a_call_that_waits_for_room_names_the_room() {
    let served = Served::with(|config| {
        config.limits.connection_send_buffer = 100 * KIB;
    })
    .await;
    let (grpc, _open) = mute(&served).await;
    let mut responses = Vec::new();
    for _ in 0..2 {
        let mut client = grpc.send.clone().ready().await.unwrap();
        let request = request("/test.Test/Echo", &[]);
        let (response, mut stream) = client.send_request(request, false).unwrap();
        stream.send_data(long(30 * KIB), true).unwrap();
        responses.push(within(response).await.unwrap());
    }
    let answer = grpc.call("/test.Test/Echo", &[("grpc-timeout", "200m")], text("a"));
    let answer = within(answer).await;
    assert_eq!(answer.code(), 4);
    let message = answer.message();
    assert!(message.contains("did not start within"), "{message}");
    assert!(
        message.contains("limits.connection_send_buffer"),
        "{message}"
    );
}

/// A client whose streams have no window until the returned sender sends one.
async fn mute(served: &Served) -> (Grpc, tokio::sync::mpsc::Sender<u32>) {
    let mut builder = h2::client::Builder::new();
    let handshake = builder.initial_window_size(0);
    let (send, mut connection) = handshake.handshake(served.tcp().await).await.unwrap();
    let (open, mut opened) = tokio::sync::mpsc::channel(1);
    tokio::spawn(async move {
        tokio::select! {
            _ = &mut connection => return,
            Some(window) = opened.recv() => connection.set_initial_window_size(window).unwrap(),
        }
        // Ends when its clients are dropped.
        let _ended = connection.await;
    });
    (Grpc { send }, open)
}

#[tokio::test]
async fn responses_that_find_no_room_are_errors_that_say_so() {
    let served = Served::with(|config| {
        config.limits.connection_send_buffer = 400 * KIB;
        config.limits.stall_timeout = Duration::from_secs(1);
    })
    .await;
    let (grpc, _open) = mute(&served).await;
    let (mut calls, mut refused) = (JoinSet::new(), 0);
    // The handlers run concurrently, so that all calls are accepted before the buffer fills.
    for _ in 0..3 {
        let mut client = grpc.send.clone().ready().await.unwrap();
        let request = request("/test.Test/Late", &[]);
        let (response, mut stream) = client.send_request(request, false).unwrap();
        stream
            .send_data(text(&(300 * KIB).to_string()), true)
            .unwrap();
        calls.spawn(async move {
            let (head, mut reply) = response.await.unwrap().into_parts();
            let message = head.headers.get("grpc-message").cloned();
            // The server resets responses that the client does not take.
            let reset = reply.data().await.is_some_and(|data| data.is_err());
            (message, reset)
        });
    }
    while let Some(called) = within(calls.join_next()).await {
        let (message, reset) = called.unwrap();
        let Some(message) = message else {
            assert!(reset);
            continue;
        };
        let message = message.to_str().unwrap();
        assert!(
            message.contains("limits.connection_send_buffer"),
            "{message}"
        );
        refused += 1;
    }
    assert_eq!(refused, 2);
}
