//! Peers that send invalid data, too much data, or nothing.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::peer::{Held, IncomingResponses, Peer, answer, fields, framed, head, read, refuse};
use super::*;
use micro_message::error::{Error, ErrorKind};

const OK: Option<&[(&str, &str)]> = Some(&[("grpc-status", "0")]);

/// Returns the error of a call to a peer with this script.
async fn failure<F>(
    script: impl Fn(IncomingResponses) -> F + Send + Sync + 'static,
) -> (Error, usize)
where
    F: Future<Output = ()> + Send + 'static,
{
    let peer = Peer::scripted(script).await;
    let client = Client::builder().build();
    let call = client
        .call::<Text>(&idempotent(), text("Ada"))
        .address(peer.address());
    let error = call.timeout(Duration::from_secs(5)).await.unwrap_err();
    assert_eq!(client.core().in_flight(), 0);
    (error, peer.calls())
}

/// Returns the part of an error message that differs between cases.
fn middle(error: &Error) -> &str {
    let text = error.message();
    let (_, text) = text.split_once(": ").unwrap();
    text.rsplit_once(" (attempt").unwrap().0
}

#[tokio::test]
async fn replies_that_are_no_replies_are_told_apart() {
    let cases: &[(&[u8], _, _)] = &[
        (b"\0\0\0\0\x02Hi", None, "the reply ended without a status"),
        (b"", OK, "the reply has a status but no message"),
        (b"\0\0\0\0\x03Hi", OK, "the reply's message is cut off"),
        (b"\0\0", OK, "the reply's message is cut off"),
        (
            b"\x01\0\0\0\x02Hi",
            OK,
            "the reply's message is compressed, which was not asked for",
        ),
        (
            b"\0\0\0\0\x02Hi\0\0\0\0\x02Hi",
            OK,
            "the reply has more than one message",
        ),
    ];
    for &(bytes, trailers, expected) in cases {
        let (error, calls) = failure(move |incoming| async move {
            answer(
                incoming.respond,
                head(&[]),
                Bytes::from_static(bytes),
                trailers,
            );
        })
        .await;
        // gRPC has a separate status code for a number of messages other than one.
        let kind = if expected.ends_with("no message") || expected.ends_with("one message") {
            ErrorKind::Unimplemented
        } else {
            ErrorKind::Internal
        };
        assert_eq!((error.kind(), middle(&error), calls), (kind, expected, 1));
    }
}

#[tokio::test]
async fn error_behind_a_piece_of_a_message_is_the_service_s() {
    let (error, _) = failure(|incoming| async move {
        let status = &[
            ("grpc-status", "10"),
            ("grpc-message", "sold"),
            ("hint", "b"),
        ];
        let piece = Bytes::from_static(b"\0\0\0\0\x03Hi");
        answer(
            incoming.respond,
            head(&[("tenant", "a")]),
            piece,
            Some(status),
        );
    })
    .await;
    assert_eq!(
        (error.kind(), error.message()),
        (ErrorKind::Aborted, "sold")
    );
    assert_eq!(error.metadata().get("tenant"), Some("a"));
    assert_eq!(error.metadata().get("hint"), Some("b"));
}

#[tokio::test]
async fn status_that_is_none_names_method_and_address() {
    let (error, _) = failure(|incoming| async move {
        let piece = Bytes::from_static(b"\0\0\0\0\x03Hi");
        let status = &[("grpc-status", "99"), ("grpc-message", "what")];
        answer(incoming.respond, head(&[]), piece, Some(status));
    })
    .await;
    assert_eq!(error.kind(), ErrorKind::Unknown);
    let text = error.message();
    for word in [
        "`/greeter.Greeter/Hello`",
        " at 127.0.0.1:",
        "`grpc-status: 99`",
        ": what",
    ] {
        assert!(text.contains(word), "{text}");
    }
}

/// A status in the head counts only when nothing follows the head.
#[tokio::test]
async fn status_before_the_message_is_not_the_status() {
    let (error, _) = failure(|incoming| async move {
        let message = Bytes::from_static(b"\0\0\0\0\x02Hi");
        let trailers: &[(&'static str, &'static str)] = &[("grpc-status", "9"), ("x-after", "all")];
        answer(
            incoming.respond,
            head(&[("grpc-status", "8")]),
            message,
            Some(trailers),
        );
    })
    .await;
    assert_eq!(error.kind(), ErrorKind::FailedPrecondition);
    assert_eq!(error.metadata().get("x-after"), Some("all"));
}

#[tokio::test]
async fn oversized_reply_is_refused_by_its_prefix() {
    let (error, _) = failure(|incoming| async move {
        let prefix = Bytes::from_static(b"\0\xff\xff\xff\xffand on");
        answer(incoming.respond, head(&[]), prefix, None);
    })
    .await;
    assert_eq!(error.kind(), ErrorKind::ResourceExhausted);
    let expected =
        "the reply's message has 4294967295 bytes, the limit is 4194304 (`max_message_size`)";
    assert_eq!(middle(&error), expected);
}

#[tokio::test]
async fn oversized_request_is_not_sent() {
    let client = Client::builder().build();
    let call = client
        .call::<Text>(&hello(), text(&"x".repeat(5 << 20)))
        .address("127.0.0.1:1");
    let error = call.await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "`/greeter.Greeter/Hello`: the request has 5242880 bytes, the limit is 4194304 \
         (`max_message_size`)"
    );
}

#[tokio::test]
async fn what_is_not_grpc_is_named() {
    let (error, _) = failure(|incoming| async move {
        let mut head = http::Response::new(());
        head.headers_mut()
            .insert("content-type", "text/html".parse().unwrap());
        answer(incoming.respond, head, Bytes::from_static(b"<p>"), None);
    })
    .await;
    assert_eq!(error.kind(), ErrorKind::Unknown);
    let expected = "the peer answered with content type `text/html`: it does not support gRPC";
    assert_eq!(middle(&error), expected);
    for (status, kind) in [
        (404, ErrorKind::Unimplemented),
        (401, ErrorKind::Unauthenticated),
    ] {
        let (error, _) = failure(move |incoming| async move {
            let head = http::Response::builder().status(status).body(()).unwrap();
            answer(incoming.respond, head, Bytes::new(), None);
        })
        .await;
        assert_eq!(error.kind(), kind);
        assert_eq!(
            middle(&error),
            format!("the peer answered with HTTP status {status}")
        );
    }
}

#[tokio::test]
async fn endless_headers_are_refused() {
    let (error, _) = failure(|incoming| async move {
        let mut head = head(&[]);
        let value = http::HeaderValue::from_str(&"x".repeat(99_000)).unwrap();
        head.headers_mut().insert("big", value);
        answer(incoming.respond, head, framed(b"Hi"), OK);
    })
    .await;
    assert_eq!(error.kind(), ErrorKind::Unavailable);
}

#[tokio::test]
async fn reply_in_crumbs_is_put_together() {
    let peer = Peer::scripted(|mut incoming| async move {
        let mut stream = incoming.respond.send_response(head(&[]), false).unwrap();
        for byte in framed(b"Hello, Ada") {
            stream
                .send_data(Bytes::copy_from_slice(&[byte]), false)
                .unwrap();
            tokio::task::yield_now().await;
        }
        stream
            .send_trailers(fields(&[("grpc-status", "0")]))
            .unwrap();
    });
    let (peer, client) = (peer.await, Client::builder().build());
    let call = client
        .call::<Text>(&hello(), text("Ada"))
        .address(peer.address());
    assert_eq!(call.await.unwrap(), text("Hello, Ada"));
}

#[tokio::test]
async fn large_messages_pass_both_ways() {
    let (peer, client) = (Peer::echo().await, Client::builder().build());
    let large = text(&"x".repeat(4 << 20));
    let call = client
        .call::<Text>(&hello(), large.clone())
        .address(peer.address());
    assert!(call.await.unwrap() == large);
}

/// Partly received responses share the receive buffer of their connection.
#[tokio::test]
async fn replies_without_room_wait_until_another_one_is_complete() {
    let (begun, calls) = (Held::default(), Arc::<AtomicUsize>::default());
    let (held, counted) = (begun.clone(), Arc::clone(&calls));
    let peer = Peer::scripted(move |mut incoming: IncomingResponses| {
        let (held, number) = (held.clone(), counted.fetch_add(1, Ordering::SeqCst));
        async move {
            let bytes = Bytes::from(read(&mut incoming.body).await);
            if number > 0 {
                let trailers = Some(&[("grpc-status", "0")][..]);
                return answer(incoming.respond, head(&[]), bytes, trailers);
            }
            let mut stream = incoming.respond.send_response(head(&[]), false).unwrap();
            let half = bytes.len() / 2;
            stream.send_data(bytes.slice(..half), false).unwrap();
            held.wait().await;
            stream.send_data(bytes.slice(half..), false).unwrap();
            stream
                .send_trailers(fields(&[("grpc-status", "0")]))
                .unwrap();
        }
    });
    let peer = peer.await;
    let config = Config {
        receive_buffer: 100 << 10,
        ..Config::default()
    };
    let client = Client::builder().config(config).build();
    let large = text(&"x".repeat(60 << 10));
    let call = || {
        let (client, large, address) = (client.clone(), large.clone(), peer.address());
        tokio::spawn(async move {
            let call = client.call::<Text>(&hello(), large).address(address);
            call.await.unwrap().0.len()
        })
    };
    let first = call();
    until("the first reply has begun", || begun.waiting() == 1).await;
    let mut second = call();
    let waited = tokio::time::timeout(Duration::from_millis(300), &mut second);
    assert!(waited.await.is_err(), "it found room");
    assert_eq!(calls.load(Ordering::SeqCst), 2);
    begun.release();
    assert_eq!(
        (first.await.unwrap(), second.await.unwrap()),
        (60 << 10, 60 << 10)
    );
}

/// Returns the error of a call to a peer that runs this script on each connection, and the number
/// of connections.
async fn raw_failure<F>(
    config: Config,
    method: Arc<MethodInfo>,
    script: impl Fn(TcpStream) -> F + Send + 'static,
) -> (Error, usize)
where
    F: Future<Output = ()> + Send + 'static,
{
    let peer = Peer::raw(script).await;
    let client = Client::builder().config(config).build();
    let call = client
        .call::<Text>(&method, text("Ada"))
        .address(peer.address());
    let error = call.timeout(Duration::from_secs(20)).await.unwrap_err();
    client.close().await;
    (error, peer.connections())
}

#[tokio::test]
async fn garbage_on_the_port_is_no_grpc() {
    let (error, _) = raw_failure(Config::default(), hello(), |mut tcp| async move {
        tcp.write_all(b"SSH-2.0-OpenSSH_9.2p1 and so on and so on\r\n")
            .await
            .unwrap_or_default();
        let mut rest = Vec::new();
        tcp.read_to_end(&mut rest).await.unwrap_or_default();
    })
    .await;
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    let text = "cannot connect: the peer does not support HTTP/2";
    assert!(middle(&error).starts_with(text), "{error}");
}

#[tokio::test]
async fn peer_that_accepts_and_says_nothing_is_given_up() {
    let config = Config {
        connect_timeout: Duration::from_millis(50),
        ..Config::default()
    };
    let (error, connections) = raw_failure(config, hello(), |tcp| async move {
        std::future::pending::<()>().await;
        drop(tcp);
    })
    .await;
    let expected = "cannot connect: no answer within 50ms (`connect_timeout`)";
    assert_eq!(middle(&error), expected);
    assert!(
        connections >= 3,
        "three attempts of its own, probes beside them"
    );
}

#[tokio::test]
async fn half_open_peer_is_noticed_by_keep_alive() {
    let config = Config {
        keep_alive_interval: Duration::from_millis(50),
        keep_alive_timeout: Duration::from_millis(50),
        ..Config::default()
    };
    let (error, connections) = raw_failure(config, hello(), |mut tcp| async move {
        tcp.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0])
            .await
            .unwrap_or_default();
        std::future::pending::<()>().await;
    })
    .await;
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    let expected = "no reply, the connection timed out: no ping was answered within 50ms \
                    (`keep_alive_timeout`)";
    assert_eq!(middle(&error), expected);
    assert!(connections >= 1);
}

#[tokio::test]
async fn call_without_answer_makes_its_connection_suspect() {
    let config = Config {
        keep_alive_timeout: Duration::from_millis(50),
        ..Config::default()
    };
    let peer = Peer::raw(|mut tcp| async move {
        tcp.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0])
            .await
            .unwrap_or_default();
        std::future::pending::<()>().await;
    })
    .await;
    let client = Client::builder().config(config).build();
    let call = || {
        client
            .call::<Text>(&hello(), text("Ada"))
            .address(peer.address())
    };
    let error = call().timeout(Duration::from_millis(50)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DeadlineExceeded);
    assert_eq!(middle(&error), "no reply within 50ms, the call's timeout");
    // Ten seconds before the keep-alive interval would have detected it.
    let error = call().timeout(Duration::from_secs(5)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
}

#[tokio::test]
async fn stream_resets_keep_their_meaning() {
    for (reason, kind) in [
        (h2::Reason::CANCEL, ErrorKind::Cancelled),
        (h2::Reason::ENHANCE_YOUR_CALM, ErrorKind::ResourceExhausted),
        (h2::Reason::INTERNAL_ERROR, ErrorKind::Internal),
    ] {
        let peer = Peer::scripted(move |mut incoming| async move {
            incoming.respond.send_reset(reason);
        });
        let (peer, client) = (peer.await, Client::builder().build());
        let call = client
            .call::<Text>(&hello(), text("Ada"))
            .address(peer.address());
        assert_eq!(call.await.unwrap_err().kind(), kind);
        assert_eq!(peer.calls(), 1);
    }
}

#[tokio::test]
async fn status_without_message_is_an_error_whatever_the_code() {
    let (error, _) = failure(|incoming| async move {
        refuse(incoming.respond, &[("grpc-status", "0")]);
    })
    .await;
    assert_eq!(middle(&error), "the reply has a status but no message");
    let (error, _) = failure(|incoming| async move {
        refuse(
            incoming.respond,
            &[("grpc-status", "77"), ("grpc-message", "odd")],
        );
    })
    .await;
    assert_eq!(error.kind(), ErrorKind::Unknown);
    assert_eq!(
        middle(&error),
        "the server sent `grpc-status: 77`, which gRPC does not have: odd"
    );
}

#[tokio::test]
async fn peer_that_throws_out_whom_it_lets_in_is_not_pestered() {
    // SETTINGS, then GOAWAY with ENHANCE_YOUR_CALM for all streams.
    let goaway = [0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 11];
    let peer = Peer::raw(move |mut tcp| async move {
        tcp.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0])
            .await
            .unwrap_or_default();
        // The client's acknowledgement of the SETTINGS shows that it has received the frames.
        let (ack, mut heard) = ([0, 0, 0, 4, 1, 0, 0, 0, 0], Vec::new());
        while !heard.windows(9).any(|frame| frame == ack) {
            if !matches!(tcp.read_buf(&mut heard).await, Ok(1..)) {
                return;
            }
        }
        tcp.write_all(&goaway).await.unwrap_or_default();
    })
    .await;
    let world = World::of(&[&peer]).await;
    let client = world.client();
    client
        .call::<Text>(&hello(), text("Ada"))
        .await
        .unwrap_err();
    let node = client.core().node_of("greeter", "greeter-1");
    until("it is heeded", || node.value().doubled() > 0).await;
    until("probed with pauses", || node.value().doubled() > 3).await;
    // Three attempts of the call, then probes after 0, 100, 200, 400 ms and so on; not a thousand.
    assert!(
        peer.connections() < 30,
        "{} connections",
        peer.connections()
    );
}
