//! The client as a transport for gRPC clients of other libraries.

use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full, StreamBody};
use micro_core::handler::{Method, Resources, Route, Router, ServiceInfo};
use micro_message::error::Error;
use micro_wire::grpc::frame;
use tower_service::Service;

use super::peer::{IncomingResponses, Peer, fields, head, read as read_all, refuse};
use super::streams::echo_lazily;
use super::*;
use crate::ChannelBody;

fn frames(texts: &[&str]) -> Bytes {
    let mut out = Vec::new();
    for text in texts {
        frame::write(frame::PLAIN, text.as_bytes(), &mut out);
    }
    out.into()
}

fn request<B>(path: &str, headers: &[(&str, &str)], body: B) -> Request<B> {
    let mut request = Request::post(format!("http://ignored{path}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(body).unwrap()
}

/// The headers, data and trailers of a response.
async fn read(response: Response<ChannelBody>) -> (HeaderMap, Bytes, HeaderMap) {
    let (head, body) = response.into_parts();
    let collected = body.collect().await.unwrap();
    let trailers = collected.trailers().cloned().unwrap_or_default();
    (head.headers, collected.to_bytes(), trailers)
}

#[tokio::test]
async fn one_message_and_many_reach_a_node_of_the_registry() {
    let peer = Peer::scripted(echo_lazily).await;
    let world = World::of(&[&peer]).await;
    let mut channel = world.client().channel("greeter");
    let one = request(
        "/greeter.Greeter/Hello",
        &[("tenant", "acme")],
        Full::new(frames(&["a"])),
    );
    let (headers, data, trailers) = read(channel.call(one).await.unwrap()).await;
    assert_eq!(headers["zone"], "a");
    assert_eq!(headers["content-type"], "application/grpc");
    assert_eq!(data, frames(&["a"]));
    assert_eq!(
        (&trailers["grpc-status"], &trailers["cost"]),
        (&"0".parse().unwrap(), &"7".parse().unwrap())
    );
    // Messages are split where frames end, wherever the chunks of the body end.
    let all = frames(&["b", "cd", ""]);
    let chunks = all
        .chunks(3)
        .map(|chunk| Ok::<_, Error>(http_body::Frame::data(Bytes::copy_from_slice(chunk))));
    let chunks: Vec<_> = chunks.collect();
    let many = request(
        "/greeter.Greeter/Talk",
        &[],
        StreamBody::new(Chunks(chunks.into())),
    );
    let (_, data, trailers) = read(channel.call(many).await.unwrap()).await;
    assert_eq!(data, all);
    assert_eq!(trailers["grpc-status"], "0");
}

struct Chunks<T>(std::collections::VecDeque<T>);

impl<T: Unpin> futures_core::Stream for Chunks<T> {
    type Item = T;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<T>> {
        std::task::Poll::Ready(self.0.pop_front())
    }
}

/// A request body whose frames come from a channel, and whose end is known only when it is polled.
struct Fed(tokio::sync::mpsc::UnboundedReceiver<Bytes>);

impl http_body::Body for Fed {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>>>> {
        let polled = self.0.poll_recv(cx);
        polled.map(|data| data.map(|data| Ok(http_body::Frame::data(data))))
    }
}

#[tokio::test]
async fn a_client_that_waits_for_the_server_first_gets_its_response() {
    let peer = Peer::scripted(|mut incoming| async move {
        let mut stream = incoming.respond.send_response(head(&[]), false).unwrap();
        stream.send_data(frames(&["welcome"]), false).unwrap();
        stream
            .send_data(read_all(&mut incoming.body).await.into(), false)
            .unwrap();
        stream
            .send_trailers(fields(&[("grpc-status", "0")]))
            .unwrap();
    });
    let peer = peer.await;
    let world = World::of(&[&peer]).await;
    let mut channel = world.client().channel("greeter");
    let (feed, fed) = tokio::sync::mpsc::unbounded_channel();
    let call = channel.call(request("/greeter.Greeter/Talk", &[], Fed(fed)));
    let call = tokio::time::timeout(Duration::from_secs(10), call);
    let mut body = call.await.expect("the call begins").unwrap().into_body();
    let welcome = body.frame().await.unwrap().unwrap().into_data();
    assert_eq!(welcome.unwrap(), frames(&["welcome"]));
    feed.send(frames(&["a", "b"])).unwrap();
    drop(feed);
    let rest = body.collect().await.unwrap();
    assert_eq!(rest.trailers().unwrap()["grpc-status"], "0");
    assert_eq!(rest.to_bytes(), frames(&["a", "b"]));
}

#[tokio::test]
async fn one_message_goes_to_another_node_if_the_first_refuses_it() {
    let refusing = Peer::scripted(|mut incoming: IncomingResponses| async move {
        read_all(&mut incoming.body).await;
        let refused = [("grpc-status", "14"), ("micro-not-handled", "1")];
        refuse(incoming.respond, &refused);
    });
    let (refusing, echo) = (refusing.await, Peer::echo().await);
    let world = World::of(&[&refusing, &echo]).await;
    let mut channel = world.client().channel("greeter");
    for _ in 0..20 {
        let (feed, fed) = tokio::sync::mpsc::unbounded_channel();
        feed.send(frames(&["a"])).unwrap();
        drop(feed);
        let call = channel.call(request("/greeter.Greeter/Hello", &[], Fed(fed)));
        let (headers, data, trailers) = read(call.await.unwrap()).await;
        assert_eq!(data, frames(&["a"]), "{headers:?} {trailers:?}");
    }
    assert!(refusing.calls() > 0, "the refusing node was never asked");
}

#[tokio::test]
async fn a_status_is_in_the_headers_when_no_message_came() {
    let peer = Peer::scripted(|incoming| async {
        refuse(
            incoming.respond,
            &[("grpc-status", "5"), ("grpc-message", "no ada")],
        );
    });
    let peer = peer.await;
    let world = World::of(&[&peer]).await;
    let mut channel = world.client().channel("greeter");
    let call = request("/greeter.Greeter/Hello", &[], Full::new(frames(&["a"])));
    let (headers, data, trailers) = read(channel.call(call).await.unwrap()).await;
    let fields = if headers.contains_key("grpc-status") {
        headers
    } else {
        trailers
    };
    assert_eq!(fields["grpc-status"], "5");
    assert_eq!(fields["grpc-message"], "no ada");
    assert!(data.is_empty());
}

#[tokio::test]
async fn a_request_that_cannot_be_read_is_an_error_with_a_status() {
    let peer = Peer::scripted(echo_lazily).await;
    let world = World::of(&[&peer]).await;
    let mut channel = world.client().channel("greeter");
    let cut = frames(&["abc"]).slice(..6);
    for (headers, body, code) in [
        (&[][..], cut, "13"),
        (&[("grpc-timeout", "soon")], frames(&["a"]), "3"),
        (&[("grpc-encoding", "snappy")], frames(&["a"]), "12"),
        (&[], frames(&["x".repeat(5 << 20).as_str()]), "8"),
    ] {
        let call = request("/greeter.Greeter/Hello", headers, Full::new(body));
        let (headers, _, trailers) = read(channel.call(call).await.unwrap()).await;
        let status = headers.get("grpc-status").or(trailers.get("grpc-status"));
        assert_eq!(status.unwrap(), code, "{headers:?} {trailers:?}");
    }
}

#[tokio::test]
async fn a_service_of_the_same_process_is_called_directly() {
    let info = ServiceInfo::new("greeter", "greeter.Greeter");
    let hello = Method::unary("Hello", |_: Arc<()>, _, said: Text| async move { Ok(said) });
    let mut router = Router::new();
    router
        .add(Route::new(info, &hello, Arc::new(()), Resources::new()))
        .unwrap();
    let client = Client::builder().local(router).build();
    let mut channel = client.channel("greeter");
    let call = request("/greeter.Greeter/Hello", &[], Full::new(frames(&["a"])));
    let (_, data, trailers) = read(channel.call(call).await.unwrap()).await;
    assert_eq!(data, frames(&["a"]));
    assert_eq!(trailers["grpc-status"], "0");
}

#[tokio::test]
async fn a_timeout_of_the_request_holds() {
    let peer = Peer::scripted(|incoming| async move {
        let _open = incoming;
        std::future::pending::<()>().await;
    })
    .await;
    let world = World::of(&[&peer]).await;
    let mut channel = world.client().channel("greeter");
    let headers = [("grpc-timeout", "30m")];
    let call = request(
        "/greeter.Greeter/Hello",
        &headers,
        Full::new(frames(&["a"])),
    );
    let (headers, _, trailers) = read(channel.call(call).await.unwrap()).await;
    let status = headers.get("grpc-status").or(trailers.get("grpc-status"));
    assert_eq!(status.unwrap(), "4");
}
