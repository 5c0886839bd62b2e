//! Plain calls: lookup, requests and responses; options, metadata, wraps, calls within the process.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::peer::{Held, IncomingResponses, Peer, answer, echo, framed, head, read, refuse};
use super::*;
use crate::selector::Strategy;
use micro_core::context::Context;
use micro_core::handler::{
    Body, Call, Method, Payload, Resources, Response, Route, Router, ServiceInfo,
};
use micro_core::wrap::{Next, On, ScopedWrap, Wrap};
use micro_message::codec::Codec;
use micro_message::error::{Detail, ErrorKind};
use micro_message::metadata::Metadata;

#[tokio::test]
async fn call_finds_its_node_and_is_answered() {
    let peer = Peer::echo().await;
    let world = World::of(&[&peer]).await;
    let client = world.client();
    for _ in 0..3 {
        let reply: Text = client.call(&hello(), text("Ada")).await.unwrap();
        assert_eq!(reply, text("Ada"));
    }
    assert_eq!((peer.calls(), peer.connections()), (3, 1));
    assert_eq!(client.core().in_flight(), 0);
}

#[tokio::test]
async fn call_to_an_address_needs_no_registry() {
    let peer = Peer::echo().await;
    let client = Client::builder().build();
    let call = client
        .call::<Text>(&hello(), text("Ada"))
        .address(peer.address());
    assert_eq!(call.await.unwrap(), text("Ada"));
    let error = client
        .call::<Text>(&hello(), text("Ada"))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::FailedPrecondition);
    let gone = peer.kill().await;
    let call = client.call::<Text>(&hello(), text("Ada")).address(&gone);
    let expected = format!(
        "`/greeter.Greeter/Hello` at {gone}: cannot connect: connection refused (attempt 3 of 3)"
    );
    assert_eq!(call.await.unwrap_err().to_string(), expected);
}

/// Starts a peer that records the heads of the calls that it receives.
async fn noting() -> (Peer, Arc<Mutex<Vec<http::HeaderMap>>>) {
    let heads = Arc::<Mutex<Vec<_>>>::default();
    let noted = Arc::clone(&heads);
    let peer = Peer::scripted(move |incoming| {
        noted.lock().unwrap().push(incoming.head.headers.clone());
        echo(incoming)
    });
    (peer.await, heads)
}

#[tokio::test]
async fn metadata_deadline_and_trace_go_along() {
    let (peer, heads) = noting().await;
    let client = Client::builder().build();
    let mut metadata = Metadata::new();
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    metadata.insert("traceparent", trace).unwrap();
    metadata.insert("baggage", "user=ada").unwrap();
    metadata.insert("authorization", "secret").unwrap();
    let handler = Context::new()
        .with_metadata(metadata)
        .with_timeout(Duration::from_secs(5));
    let call = || {
        let call = client
            .call::<Text>(&hello(), text("Ada"))
            .address(peer.address());
        call.metadata("Tenant", "acme")
    };
    handler.scope(async { call().await }).await.unwrap();
    call().timeout(Duration::from_millis(2_500)).await.unwrap();
    let heads = heads.lock().unwrap();
    assert_eq!(heads[0]["traceparent"], trace);
    assert_eq!(heads[0]["baggage"], "user=ada");
    assert_eq!(heads[0]["tenant"], "acme");
    assert_eq!(heads[0]["grpc-timeout"], "5000000u");
    assert_eq!(heads[0].get("authorization"), None);
    assert_eq!(heads[1]["grpc-timeout"], "2500000u");
    assert_eq!(heads[1].get("traceparent"), None);
}

#[tokio::test]
async fn json_is_sent_and_expected_when_asked_for() {
    let peer = Peer::scripted(|mut incoming: IncomingResponses| async move {
        let kind = incoming.head.headers["content-type"]
            .to_str()
            .unwrap()
            .to_owned();
        let body = read(&mut incoming.body).await;
        let said = framed(format!("{kind} {}", String::from_utf8_lossy(&body[5..])).as_bytes());
        let json = head(&[("content-type", "application/grpc+json")]);
        answer(incoming.respond, json, said, Some(&[("grpc-status", "0")]));
    });
    let (peer, client) = (peer.await, Client::builder().build());
    let call = |codec| {
        let call = client.call::<Text>(&hello(), text("Ada"));
        call.address(peer.address()).codec(codec)
    };
    let reply = call(Codec::Json).await.unwrap();
    assert_eq!(reply, text("application/grpc+json Ada"));
    let error = call(Codec::Protobuf).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Internal, "{error}");
}

#[tokio::test]
async fn mistakes_in_metadata_surface_when_awaited() {
    let client = Client::builder().build();
    let call = client
        .call::<Text>(&hello(), text("Ada"))
        .metadata("a b", "c");
    let error = call.timeout(Duration::from_secs(1)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    let call = client
        .call::<Text>(&hello(), text("Ada"))
        .address("127.0.0.1:1");
    let error = call.metadata("grpc-status", "0").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
}

#[tokio::test]
async fn error_of_the_service_arrives_as_it_was() {
    let peer = Peer::scripted(|incoming| async move {
        refuse(
            incoming.respond,
            &[
                ("grpc-status", "5"),
                ("grpc-message", "no cart for `42`"),
                ("grpc-status-details-bin", "GgsKBWEvYi5DEgJoaQ"),
            ],
        );
    });
    let (peer, client) = (peer.await, Client::builder().build());
    let call = client
        .call::<Text>(&hello(), text("Ada"))
        .address(peer.address());
    let error = call.await.unwrap_err();
    assert_eq!(
        (error.kind(), error.message()),
        (ErrorKind::NotFound, "no cart for `42`")
    );
    assert_eq!(error.details(), [Detail::new("b.C", "hi")]);
}

#[tokio::test]
async fn reply_brings_its_metadata() {
    let peer = Peer::scripted(|incoming| async move {
        let head = head(&[("zone", "a")]);
        let trailers = [("grpc-status", "0"), ("cost", "7")];
        answer(incoming.respond, head, framed(b"Hi"), Some(&trailers));
    });
    let (peer, client) = (peer.await, Client::builder().build());
    let call = client
        .call::<Text>(&hello(), text("Ada"))
        .address(peer.address());
    let reply = call.send().await.unwrap();
    let before: Vec<_> = reply.metadata.iter().collect();
    let after: Vec<_> = reply.trailers.iter().collect();
    assert_eq!(reply.message, text("Hi"));
    assert_eq!((before, after), (vec![("zone", "a")], vec![("cost", "7")]));
}

#[tokio::test]
async fn dynamic_callers_pass_bytes_and_choose_the_codec() {
    let peer = Peer::scripted(|mut incoming| async move {
        assert_eq!(
            incoming.head.headers["content-type"],
            "application/grpc+json"
        );
        let bytes = read(&mut incoming.body).await;
        let mut head = head(&[]);
        head.headers_mut()
            .insert("content-type", "application/grpc+json".parse().unwrap());
        answer(
            incoming.respond,
            head,
            bytes.into(),
            Some(&[("grpc-status", "0")]),
        );
    });
    let peer = peer.await;
    let world = World::of(&[&peer]).await;
    let body = Body::One(Payload::Encoded {
        codec: Codec::Json,
        bytes: Bytes::from_static(b"{}"),
        memory: 99,
    });
    let reply = world
        .client()
        .dispatch(Call::new(Context::new(), hello(), body))
        .await;
    let Ok(Payload::Encoded { codec, bytes, .. }) = reply.unwrap().into_parts().1.into_one() else {
        panic!("bytes were sent");
    };
    assert_eq!((codec, &bytes[..]), (Codec::Json, &b"{}"[..]));
}

#[tokio::test]
async fn filters_choose_among_nodes_and_say_what_there_is() {
    let (old, new) = (Peer::echo().await, Peer::echo().await);
    let mut world = World::new();
    let node = |id, peer: &Peer| Node::new("greeter", id, peer.address());
    world
        .register(node("old", &old).with_version("1.4.2"))
        .await;
    world
        .register(
            node("new", &new)
                .with_version("2.0.0")
                .with_metadata("zone", "a"),
        )
        .await;
    let client = world.client();
    let call = || client.call::<Text>(&hello(), text("Ada"));
    for _ in 0..4 {
        call().version("1.4").await.unwrap();
        call().label("zone", "a").await.unwrap();
    }
    assert_eq!((old.calls(), new.calls()), (4, 4));
    let short = Duration::from_millis(300);
    let error = call().version("3").timeout(short).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "no node serves `greeter` in version `3`; looked for 300ms, the call's timeout in \
         `memory`; it has 2 other nodes, versions `1.4.2`, `2.0.0`; known: `greeter` \
         (2 nodes)"
    );
}

#[tokio::test]
async fn round_robin_takes_turns_over_the_wire() {
    let peers = [Peer::echo().await, Peer::echo().await, Peer::echo().await];
    let world = World::of(&peers.each_ref()).await;
    let client = world.client();
    // The table is complete once the first call has found a node: the memory registry delivers all
    // nodes at once.
    for _ in 0..300 {
        let call = client.call::<Text>(&hello(), text("Ada"));
        call.strategy(Strategy::RoundRobin).await.unwrap();
    }
    assert_eq!(peers.each_ref().map(Peer::calls), [100, 100, 100]);
}

#[tokio::test]
async fn least_loaded_avoids_the_slow_node() {
    let held = Held::default();
    let waiting = held.clone();
    let slow = Peer::scripted(move |incoming| {
        let waiting = waiting.clone();
        async move {
            waiting.wait().await;
            echo(incoming).await;
        }
    });
    let (slow, fast) = (slow.await, Peer::echo().await);
    let world = World::of(&[&slow, &fast]).await;
    let client = world.client();
    let stuck = loop {
        let call = client.call::<Text>(&hello(), text("Ada"));
        let task = tokio::spawn(call.into_future());
        until("answered or stuck", || {
            task.is_finished() || slow.running() == 1
        })
        .await;
        if slow.running() == 1 {
            break task;
        }
    };
    for _ in 0..100 {
        client.call::<Text>(&hello(), text("Ada")).await.unwrap();
    }
    assert_eq!(slow.calls(), 1, "one waits there already");
    held.release();
    assert_eq!(stuck.await.unwrap().unwrap(), text("Ada"));
}

/// Counts the calls that pass through it.
struct Count(Arc<AtomicUsize>);

impl Wrap for Count {
    async fn wrap<'a>(&'a self, mut call: Call, next: Next<'a>) -> Result<Response> {
        self.0.fetch_add(1, Ordering::SeqCst);
        call.metadata_mut().insert("counted", "1")?;
        next.run(call).await
    }
}

#[tokio::test]
async fn wraps_surround_calls_and_change_them() {
    let (peer, heads) = noting().await;
    let count = Arc::<AtomicUsize>::default();
    let around = |name, on, method| {
        let mut around = ScopedWrap::new(name, Count(Arc::clone(&count)));
        (around.on, around.method) = (on, method);
        around
    };
    let wraps = vec![
        around("client", On::Client, None),
        around("served", On::Served, None),
        around("other", On::Client, Some("other")),
    ];
    let client = Client::builder().wraps(wraps).build();
    let call = client
        .call::<Text>(&hello(), text("Ada"))
        .address(peer.address());
    call.await.unwrap();
    assert_eq!(count.load(Ordering::SeqCst), 1);
    assert_eq!(heads.lock().unwrap()[0]["counted"], "1");
}

struct Greeter;

/// Router of this process with `/greeter.Greeter/Hello`, version 1.2.0.
fn router() -> Router {
    let info = ServiceInfo::new("greeter", "greeter.Greeter").version("1.2.0");
    let method = Method::unary(
        "Hello",
        |_: Arc<Greeter>, context: Context, request: Text| async move {
            assert_eq!(context.caller().protocol, "local");
            assert!(context.remaining().is_some());
            context.set_response_metadata("place", "here")?;
            Ok(text(&format!("local {}", request.0)))
        },
    );
    let mut router = Router::new();
    let route = Route::new(info, &method, Arc::new(Greeter), Resources::new());
    router.add(route).unwrap();
    router
}

#[tokio::test]
async fn service_in_the_same_process_is_called_directly() {
    let peer = Peer::echo().await;
    let world = World::of(&[&peer]).await;
    let client = Client::builder().registry(world.registry.clone()).build();
    client.set_local(router());
    let call = || client.call::<Text>(&hello(), text("Ada"));
    let reply = call().version("1.2").send().await.unwrap();
    assert_eq!(reply.message, text("local Ada"));
    assert_eq!(reply.metadata.get("place"), Some("here"));
    assert_eq!(peer.calls(), 0);
    assert_eq!(call().remote().await.unwrap(), text("Ada"));
    assert_eq!(call().address(peer.address()).await.unwrap(), text("Ada"));
    let elsewhere = call().version("3").timeout(Duration::from_millis(50)).await;
    assert_eq!(elsewhere.unwrap_err().kind(), ErrorKind::Unavailable);
}
