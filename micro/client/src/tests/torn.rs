//! Streams that do not end properly.

use tokio::sync::Notify;

use super::peer::{IncomingResponses, Peer, fields, framed, head};
use super::streams::{echo_lazily, talk};
use super::*;
use micro_core::handler::{Sender, Streaming};
use micro_message::error::{Error, ErrorKind};

/// Returns the error of a stream after one good message, if the peer continues with this script.
async fn end<F>(script: impl Fn(h2::SendStream<Bytes>) -> F + Send + Sync + 'static) -> Error
where
    F: Future<Output = ()> + Send + 'static,
{
    let (script, heard_it) = (Arc::new(script), Arc::new(Notify::new()));
    let waiting = Arc::clone(&heard_it);
    let peer = Peer::scripted(move |mut incoming: IncomingResponses| {
        let (script, waiting) = (Arc::clone(&script), Arc::clone(&waiting));
        async move {
            let mut stream = incoming.respond.send_response(head(&[]), false).unwrap();
            stream.send_data(framed(b"good"), false).unwrap();
            waiting.notified().await;
            script(stream).await;
        }
    });
    let (peer, client) = (peer.await, Client::builder().build());
    let call = client.server_stream::<Text>(&method(Kind::ServerStream), text("Ada"));
    let mut heard = call.address(peer.address()).await.unwrap();
    assert_eq!(heard.next().await.unwrap().unwrap(), text("good"));
    heard_it.notify_one();
    let error = heard.next().await.unwrap().unwrap_err();
    assert!(heard.next().await.is_none());
    assert_eq!(client.core().in_flight(), 0);
    error
}

fn middle(error: &Error) -> &str {
    error.message().split_once(": ").unwrap().1
}

#[tokio::test]
async fn ends_that_are_no_ends_are_told_apart() {
    let cases: &[(&[u8], &[_], _)] = &[
        (b"", &[], "the stream ended without a status"),
        (
            b"\0\0",
            &[("grpc-status", "0")],
            "the stream's last message is cut off",
        ),
        (
            b"\0\0\0\0\x09half",
            &[("grpc-status", "0")],
            "the stream's last message is cut off",
        ),
        (
            b"\x02\0\0\0\0",
            &[("grpc-status", "0")],
            "the reply is not gRPC: a message starts with 0 or 1",
        ),
        (
            b"\x01\0\0\0\x02Hi",
            &[("grpc-status", "0")],
            "the reply's message is compressed, which was not asked for",
        ),
    ];
    for &(bytes, trailers, expected) in cases {
        let error = end(move |mut stream| async move {
            stream.send_data(Bytes::from_static(bytes), false).unwrap();
            stream.send_trailers(fields(trailers)).unwrap();
        })
        .await;
        assert_eq!(
            (error.kind(), middle(&error)),
            (ErrorKind::Internal, expected)
        );
    }
}

#[tokio::test]
async fn giant_message_is_refused_by_its_prefix_and_the_call_is_reset() {
    let error = end(|mut stream| async move {
        let prefix = Bytes::from_static(b"\0\xff\xff\xff\xffand on");
        stream.send_data(prefix, false).unwrap();
        let reset = std::future::poll_fn(|cx| stream.poll_reset(cx)).await;
        assert_eq!(reset.unwrap(), h2::Reason::CANCEL);
    })
    .await;
    assert_eq!(error.kind(), ErrorKind::ResourceExhausted);
    let expected =
        "the reply's message has 4294967295 bytes, the limit is 4194304 (`max_message_size`)";
    assert_eq!(middle(&error), expected);
}

#[tokio::test]
async fn limit_of_a_method_overrides_the_clients() {
    let (peer, client) = (Peer::scripted(echo_lazily).await, Client::builder());
    let client = client.build();
    let info = MethodInfo::new("greeter", "/greeter.Greeter/Talk").kind(Kind::ClientStream);
    let call = |limit| {
        let requests =
            Streaming::make(|out: Sender<Text>| async move { out.send(text("0123456789")).await });
        let method = Arc::new(info.clone().max_message_size(limit));
        client
            .client_stream::<Text>(&method, requests)
            .address(peer.address())
    };
    let error = call(9).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ResourceExhausted);
    assert_eq!(
        error.to_string(),
        "the request has 10 bytes, the limit is 9 (`max_message_size`)"
    );
    assert_eq!(call(10).await.unwrap(), text("0123456789"));
}

#[tokio::test]
async fn reset_in_the_middle_says_why() {
    for (reason, kind) in [
        (h2::Reason::CANCEL, ErrorKind::Cancelled),
        (h2::Reason::INTERNAL_ERROR, ErrorKind::Internal),
        (h2::Reason::ENHANCE_YOUR_CALM, ErrorKind::ResourceExhausted),
        (h2::Reason::REFUSED_STREAM, ErrorKind::Unavailable),
    ] {
        let error = end(move |mut stream| async move { stream.send_reset(reason) }).await;
        assert_eq!(error.kind(), kind);
        let expected = format!("the peer reset the stream: {}", reason.description());
        assert_eq!(middle(&error), expected);
    }
}

#[tokio::test]
async fn connection_lost_in_the_middle_is_unavailable_and_names_the_node() {
    let (peer, client) = (Peer::scripted(echo_lazily).await, Client::builder().build());
    let (sender, mut heard) = talk(&client, &peer.address(), 1).await;
    sender.send(text("a")).await.unwrap();
    assert!(heard.next().await.unwrap().is_ok());
    let address = peer.kill().await;
    let error = heard.next().await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    let expected =
        format!("`/greeter.Greeter/Talk` at {address}: the stream was cut off, the connection");
    assert!(error.to_string().starts_with(&expected), "{error}");
    sender.closed().await;
}

#[tokio::test]
async fn status_in_the_trailers_counts_not_the_one_in_the_head() {
    let peer = Peer::scripted(|mut incoming: IncomingResponses| async move {
        let response = head(&[("grpc-status", "0")]);
        let mut stream = incoming.respond.send_response(response, false).unwrap();
        stream.send_data(framed(b"good"), false).unwrap();
        stream
            .send_trailers(fields(&[("grpc-status", "10")]))
            .unwrap();
    });
    let (peer, client) = (peer.await, Client::builder().build());
    let call = client.server_stream::<Text>(&method(Kind::ServerStream), text("Ada"));
    let mut heard = call.address(peer.address()).await.unwrap();
    assert!(heard.next().await.unwrap().is_ok());
    let error = heard.next().await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Aborted);
}

#[tokio::test]
async fn compression_without_its_feature_names_it() {
    let encoding = ["gzip", "zstd", "br"];
    for name in encoding {
        let peer = Peer::scripted(move |mut incoming: IncomingResponses| async move {
            let response = head(&[("grpc-encoding", name)]);
            let mut stream = incoming.respond.send_response(response, false).unwrap();
            let message = Bytes::from_static(b"\x01\0\0\0\x02Hi");
            stream.send_data(message, false).unwrap();
            stream
                .send_trailers(fields(&[("grpc-status", "0")]))
                .unwrap();
        });
        let (peer, client) = (peer.await, Client::builder().build());
        let call = client.call::<Text>(&hello(), text("Ada"));
        let error = call.address(peer.address()).await.unwrap_err();
        // If the compression is compiled in, the data is found to be damaged.
        assert_eq!(error.kind(), ErrorKind::Internal);
        assert!(error.message().contains(name), "{error}");
        if !cfg!(any(feature = "gzip", feature = "zstd")) && name != "br" {
            let what = format!("add the feature `{name}` of `micro`");
            assert!(error.message().contains(&what), "{error}");
            let compression = micro_wire::Compression::find(name);
            assert!(compression.is_err());
        }
    }
}
