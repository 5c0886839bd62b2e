//! A peer that ends a call before its request has been sent.

use h2::Reason;
use http::uri::PathAndQuery;

use super::peer::{IncomingResponses, Peer, fields, framed, head};
use super::*;
use crate::connection::{Framing, RequestHead, ResponseLimits, connect, finish};
use crate::failure::{Failure, Progress};
use micro_message::codec::Codec;
use micro_message::metadata::Metadata;

const FRAMING: Framing = Framing {
    codec: Codec::Protobuf,
    limit: 99,
    compression: None,
};

/// Makes a call to a peer that ends it before the request has been sent.
async fn ended(peer: &Peer) -> std::result::Result<(), Failure> {
    let config = Config::default();
    let connected = connect(&peer.address(), &config, Duration::from_secs(60)).await;
    let (connection, driver) = connected.unwrap();
    let driving = tokio::spawn(driver.run());
    let path = PathAndQuery::from_static("/greeter.Greeter/Hello");
    let head = RequestHead::new(path, &FRAMING, &Metadata::new(), 99).unwrap();
    let request = head.request(connection.authority(), None);
    let (response, mut stream) = connection.begin(request).unwrap();
    // The stream has ended from the client's point of view.
    let reset = std::future::poll_fn(|cx| stream.poll_reset(cx));
    reset.await.unwrap();
    finish(stream, framed(b"Ada"));
    let limits = ResponseLimits {
        codec: Codec::Protobuf,
        message: 99,
        memory: 99,
    };
    let received = connection.receive(response, limits).await;
    driving.abort();
    received.map(drop)
}

#[tokio::test]
async fn peer_that_is_faster_than_the_request_is_understood() {
    for (reason, reach) in [
        (Reason::REFUSED_STREAM, Progress::Refused),
        (Reason::CANCEL, Progress::Lost),
    ] {
        let peer = Peer::scripted(move |mut incoming: IncomingResponses| async move {
            incoming.respond.send_reset(reason);
        });
        let failure = ended(&peer.await).await.unwrap_err();
        assert_eq!(failure.reach, reach);
        let text = failure.error.message();
        assert!(text.starts_with("the peer reset the stream"), "{text}");
    }
    // A complete response. The rest of the request is refused with NO_ERROR.
    let peer = Peer::scripted(|mut incoming: IncomingResponses| async move {
        let mut stream = incoming.respond.send_response(head(&[]), false).unwrap();
        stream.send_data(framed(b"hi"), false).unwrap();
        let trailers = fields(&[("grpc-status", "0")]);
        stream.send_trailers(trailers).unwrap();
    });
    ended(&peer.await).await.unwrap();
}
