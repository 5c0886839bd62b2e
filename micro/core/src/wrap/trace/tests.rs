//! Tests of incoming and outgoing trace context.

use std::sync::{Arc, Mutex};

use super::*;
use crate::context::Context;
use crate::handler::{Body, BoxFuture, Endpoint, MethodInfo, Payload, PayloadStream};
use crate::wrap::Chain;
use micro_message::metadata::Metadata;

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// Records the metadata of the call and of the current context.
#[derive(Default)]
struct Sink(Mutex<Option<(Metadata, Option<Metadata>)>>);

impl Endpoint for Sink {
    fn call(&self, call: Call) -> BoxFuture<'_, Result<Response>> {
        Box::pin(async move {
            let current = Context::current().map(|context| context.metadata().clone());
            *self.0.lock().unwrap() = Some((call.metadata().clone(), current));
            Ok(Response::from_body(Body::One(Payload::Encoded {
                codec: micro_message::codec::Codec::Json,
                bytes: bytes::Bytes::new(),
                memory: 0,
            })))
        })
    }
}

/// Returns the outgoing headers for the given incoming ones.
async fn pass(pairs: &[(&'static str, &str)]) -> Metadata {
    let mut metadata = Metadata::new();
    for &(key, value) in pairs {
        metadata.append(key, value).unwrap();
    }
    let body = Body::Many(PayloadStream::new(Nothing));
    let method = Arc::new(MethodInfo::new("a", "/a.A/B"));
    let call = Call::new(Context::new().with_metadata(metadata), method, body);
    let (mut chain, sink) = (Chain::new(), Sink::default());
    chain.push(Trace);
    chain.run(call, &sink).await.unwrap();
    let (seen, current) = sink.0.lock().unwrap().take().unwrap();
    assert_eq!(Some(&seen), current.as_ref(), "onward calls inherit it");
    seen
}

struct Nothing;

impl futures_core::Stream for Nothing {
    type Item = Result<Payload>;

    fn poll_next(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        std::task::Poll::Ready(None)
    }
}

#[tokio::test]
async fn trace_is_continued_by_a_span_of_its_own() {
    let out = pass(&[
        ("traceparent", PARENT),
        ("tracestate", "a=1"),
        ("tracestate", "b=2"),
    ])
    .await;
    let parent = out.get("traceparent").unwrap();
    assert_eq!((&parent[..36], &parent[52..]), (&PARENT[..36], "-01"));
    assert_ne!(parent[36..52], PARENT[36..52]);
    assert_eq!(
        out.get_all("tracestate").collect::<Vec<_>>(),
        ["a=1", "b=2"]
    );
}

#[tokio::test]
async fn malformed_parents_are_ignored_with_their_state() {
    let bad = [
        "",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01 ",
        "00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    ];
    for text in bad {
        let out = pass(&[("traceparent", text), ("tracestate", "a=1")]).await;
        let parent = out.get("traceparent").unwrap();
        assert!(Parent::parse(parent).is_some(), "{text}: {parent}");
        assert!(
            !parent.contains("4bf92f3577b34da6a3ce929d0e0e4736"),
            "{text}"
        );
        assert_eq!(out.get("tracestate"), None, "{text}");
    }
    let twice = pass(&[("traceparent", PARENT), ("traceparent", PARENT)]).await;
    assert!(!twice.get("traceparent").unwrap().contains(&PARENT[..36]));
}

#[test]
fn later_versions_are_read_and_flags_kept() {
    let later = PARENT.replace("00-4", "01-4") + "-more";
    assert_eq!(Parent::parse(&later).unwrap().to_string(), PARENT);
    let unsampled = PARENT.replace("b7-01", "b7-00");
    assert_eq!(Parent::parse(&unsampled).unwrap().to_string(), unsampled);
    assert_ne!(Parent::root(), Parent::root());
}
