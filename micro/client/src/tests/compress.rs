//! Compressed requests and responses, and the errors when no compression is available.

use super::peer::{IncomingResponses, Peer, answer, framed, head, read};
use super::*;
use micro_core::handler::Streaming;
use micro_message::error::ErrorKind;
use micro_wire::Compression;

const OK: Option<&[(&str, &str)]> = Some(&[("grpc-status", "0")]);

/// Starts a peer that reports what it received: the encodings, the flag, the number of bytes.
async fn telling() -> Peer {
    Peer::scripted(|mut incoming: IncomingResponses| async move {
        let field = |name| {
            let value = incoming.head.headers.get(name);
            value
                .map_or("-", |value| value.to_str().unwrap())
                .to_owned()
        };
        let (sent, accepted) = (field("grpc-encoding"), field("grpc-accept-encoding"));
        let bytes = read(&mut incoming.body).await;
        let said = format!("{sent} {accepted} {} {}", bytes[0], bytes.len());
        answer(incoming.respond, head(&[]), framed(said.as_bytes()), OK);
    })
    .await
}

#[tokio::test]
async fn requests_are_compressed_where_that_helps_and_only_when_asked() {
    let (peer, client) = (telling().await, Client::builder().build());
    let (long, short) = (text(&"x".repeat(10_000)), text("x"));
    let call = |message: &Text| {
        let call = client.call::<Text>(&hello(), message.clone());
        call.address(peer.address())
    };
    let plain = call(&long).await.unwrap();
    assert!(
        plain.0.starts_with("- ") && plain.0.ends_with(" 0 10005"),
        "{plain:?}"
    );
    for &compression in Compression::ALL {
        let said = call(&long).compress(compression).await;
        if !compression.is_compiled() {
            let error = said.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unimplemented);
            let what = format!("add the feature `{}`", compression.name());
            assert!(error.to_string().contains(&what), "{error}");
            continue;
        }
        let (name, accepted) = (compression.name(), Compression::accepted());
        let said = said.unwrap().0;
        let compressed = said.strip_prefix(&format!("{name} {accepted} 1 "));
        let len: usize = compressed.unwrap().parse().unwrap();
        assert!(len < 200, "{len}");
        let said = call(&short).compress(compression).await.unwrap().0;
        assert_eq!(said, format!("{name} {accepted} 0 6"));
    }
}

/// Starts a peer whose responses have `len` bytes, compressed.
async fn compressing(compression: Compression, len: usize) -> Peer {
    Peer::scripted(move |incoming: IncomingResponses| async move {
        let packed = compression.compress(&vec![b'x'; len]).unwrap();
        let mut message = framed(&packed).to_vec();
        message[0] = 1;
        let head = head(&[("grpc-encoding", compression.name())]);
        answer(incoming.respond, head, message.into(), OK);
    })
    .await
}

#[tokio::test]
async fn replies_are_unpacked_and_bombs_are_not() {
    let client = Client::builder().build();
    for &compression in Compression::ALL {
        if !compression.is_compiled() {
            continue;
        }
        let peer = compressing(compression, 1_000_000).await;
        let call = client.call::<Text>(&hello(), text("Ada"));
        let reply = call.address(peer.address()).await.unwrap();
        assert_eq!(reply.0.len(), 1_000_000);
        let stream = client.server_stream::<Text>(&method(Kind::ServerStream), text("Ada"));
        let mut stream = stream.address(peer.address()).await.unwrap();
        assert_eq!(stream.next().await.unwrap().unwrap().0.len(), 1_000_000);
        assert!(stream.next().await.is_none());

        let bomb = compressing(compression, 100 << 20).await;
        let call = client.call::<Text>(&hello(), text("Ada"));
        let error = call.address(bomb.address()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ResourceExhausted, "{error}");
        let stream = client.server_stream::<Text>(&method(Kind::ServerStream), text("Ada"));
        let mut stream = stream.address(bomb.address()).await.unwrap();
        let error = stream.next().await.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ResourceExhausted, "{error}");
    }
}

#[tokio::test]
async fn streams_of_requests_are_compressed_too() {
    let (peer, client) = (telling().await, Client::builder().build());
    let compression = Compression::Gzip;
    let requests = Streaming::make(|out: micro_core::handler::Sender<Text>| async move {
        out.send(text(&"x".repeat(10_000))).await
    });
    let call = client.client_stream::<Text>(&method(Kind::ClientStream), requests);
    let said = call.address(peer.address()).compress(compression).await;
    if compression.is_compiled() {
        assert!(said.unwrap().0.contains(" 1 "));
    } else {
        assert_eq!(said.unwrap_err().kind(), ErrorKind::Unimplemented);
    }
}
