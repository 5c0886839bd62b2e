//! A server with a test service, and bare clients that call it.

mod blocking;
mod buffers;
mod client;
mod compression;
mod connect;
mod connect_streams;
mod drain;
mod events;
mod floods;
mod grpc;
mod health;
mod hostile;
mod http1;
#[cfg(feature = "tower")]
mod mounts;
mod openapi;
mod pages;
mod panics;
mod reflection;
mod rest;
mod service;
mod streams;
mod text;
mod web;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{self, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_core::Stream;
use http::{HeaderMap, Request};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

use crate::mounts::Mounts;
use crate::tests::client::{Grpc, frame, frames, request, split, text};
use crate::tests::text::Text;
use crate::{Config, Running, Server};
use micro_core::context::Context;
use micro_core::handler::{
    self, Body, Kind, Method, Payload, PayloadStream, Resources, Route, Router, ServiceInfo,
};
use micro_message::codec::{Message, Types};
use micro_message::error::{Detail, Error, Result};

/// State and counters of the test service.
#[derive(Debug)]
pub(super) struct Test {
    pub(super) started: AtomicUsize,
    pub(super) dropped: AtomicUsize,
    /// Number of messages sent by `Flood`.
    pub(super) messages: AtomicUsize,
    /// One permit for each step of `Slow`.
    pub(super) pace: Semaphore,
}

impl Default for Test {
    fn default() -> Self {
        Self {
            started: AtomicUsize::new(0),
            dropped: AtomicUsize::new(0),
            messages: AtomicUsize::new(0),
            pace: Semaphore::new(0),
        }
    }
}

impl Test {
    /// Number of handlers that have started, and number that have ended.
    fn counts(&self) -> (usize, usize) {
        let read = |count: &AtomicUsize| count.load(Ordering::SeqCst);
        (read(&self.started), read(&self.dropped))
    }
}

/// Counts a handler as ended when it is dropped.
pub(super) struct Counted(pub(super) Arc<Test>);

impl Counted {
    fn new(test: &Arc<Test>) -> Self {
        test.started.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(test))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dropped.fetch_add(1, Ordering::SeqCst);
    }
}

/// A stream from a poll function.
struct FromPoll<F>(F);

impl<F> Stream for FromPoll<F>
where
    F: FnMut(&mut task::Context<'_>) -> Poll<Option<Result<Payload>>> + Unpin,
{
    type Item = Result<Payload>;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut task::Context<'_>,
    ) -> Poll<Option<Self::Item>> {
        (self.0)(cx)
    }
}

pub(super) const INFO: ServiceInfo = ServiceInfo::new("test", "test.Test").doc("For tests.");

fn methods() -> Vec<Method> {
    vec![
        Method::unary("Echo", |_: Arc<Test>, _, text: Text| async { Ok(text) }).doc("Echoes."),
        Method::unary("Wait", |test: Arc<Test>, _, text: Text| async move {
            let _counted = Counted::new(&test);
            tokio::time::sleep(Duration::from_millis(text.0.parse().unwrap())).await;
            Ok(text)
        }),
        Method::unary("Panic", |_: Arc<Test>, _, text: Text| async move {
            assert!(text.0.is_empty(), "secret");
            Ok(text)
        }),
        Method::unary(
            "Fail",
            |_: Arc<Test>, context: Context, text: Text| async move {
                context.set_response_metadata("hint", "later")?;
                let detail = Detail::new("test.Text", [0x0a, 1, b'x']);
                Err::<Text, _>(Error::aborted(text.0).with_detail(detail))
            },
        ),
        Method::unary(
            "Meta",
            |_: Arc<Test>, context: Context, _: Text| async move {
                let mut seen: Vec<_> = context.metadata().iter().collect();
                seen.sort_unstable();
                context.set_response_metadata("answer", "42")?;
                context.set_response_metadata("trace-bin", "AAEC")?;
                Ok(Text(format!("{seen:?}")))
            },
        ),
        Method::unary(
            "Headers",
            |_: Arc<Test>, context: Context, _: Text| async move {
                let names = ["host", "User-Agent", "accept", "accept-language", "tenant"];
                Ok(Text(format!(
                    "{:?}",
                    names.map(|name| context.header(name))
                )))
            },
        ),
        Method::unary(
            "MetaBad",
            |_: Arc<Test>, context: Context, key: Text| async move {
                context.set_response_metadata(key.0, "Zo\u{eb}")?;
                Ok(Text(String::new()))
            },
        ),
        Method::raw("Count", Kind::ServerStream, TYPES, |_, body| {
            Box::pin(async move { count(body) })
        }),
        Method::raw("Join", Kind::ClientStream, TYPES, |_, body| {
            Box::pin(async move {
                let mut all = String::new();
                let mut requests = many(body);
                while let Some(text) = next(&mut requests).await {
                    all.push_str(&text?.0);
                }
                Ok(handler::Response::new(Text(all)))
            })
        }),
        Method::raw("Chat", Kind::Bidirectional, TYPES, |_, body| {
            Box::pin(async move { Ok(handler::Response::from_body(body)) })
        }),
    ]
}

type Describe = fn(&mut Types) -> String;

const TYPES: (Describe, Describe) = (Text::describe, Text::describe);

/// Counts to the number in the request. Panics after 100; returns an error at 13.
fn count(body: Body) -> Result<handler::Response> {
    let to: usize = body.into_one()?.into_message::<Text>()?.0.parse().unwrap();
    let mut at = 0;
    let stream = PayloadStream::new(FromPoll(move |_: &mut task::Context<'_>| {
        at += 1;
        assert!(at <= 100, "too far");
        Poll::Ready(match at {
            13 => Some(Err(Error::out_of_range("thirteen"))),
            _ if at > to => None,
            _ => Some(Ok(Payload::value(Text(at.to_string())))),
        })
    }));
    Ok(handler::Response::from_body(Body::Many(stream)))
}

fn many(body: Body) -> PayloadStream {
    match body {
        Body::Many(stream) => stream,
        Body::One(_) => panic!("expected a stream"),
    }
}

async fn next(stream: &mut PayloadStream) -> Option<Result<Text>> {
    let payload = stream.next().await?;
    Some(payload.and_then(Payload::into_message))
}

/// A running server with the test service.
pub(super) struct Served {
    pub(super) running: Running,
    pub(super) test: Arc<Test>,
    pub(super) health: crate::Health,
}

impl Served {
    pub(super) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub(super) async fn with(configure: impl FnOnce(&mut Config)) -> Self {
        let methods = methods().into_iter().chain(service::methods());
        Self::of(methods.collect(), configure).await
    }

    pub(super) async fn of(methods: Vec<Method>, configure: impl FnOnce(&mut Config)) -> Self {
        Self::mounted(methods, Mounts::default(), configure).await
    }

    pub(super) async fn mounted(
        methods: Vec<Method>,
        mounts: Mounts,
        configure: impl FnOnce(&mut Config),
    ) -> Self {
        let mut config = Config {
            names: vec!["shop".to_owned(), "x".to_owned()],
            ..Config::default()
        };
        configure(&mut config);
        let test = Arc::new(Test::default());
        let mut router = Router::new();
        for method in methods {
            let instance: Arc<Test> = Arc::clone(&test);
            router
                .add(Route::new(INFO, &method, instance, Resources::new()))
                .unwrap();
        }
        let server = Server::builder(config, router);
        #[cfg(feature = "tower")]
        let server = server.mounts(mounts);
        let server = server.bind().await.unwrap();
        let health = server.health();
        Self {
            running: server.start(),
            test,
            health,
        }
    }

    pub(super) async fn tcp(&self) -> TcpStream {
        TcpStream::connect(self.running.local_address())
            .await
            .unwrap()
    }

    async fn grpc(&self) -> Grpc {
        let (send, connection) = h2::client::handshake(self.tcp().await).await.unwrap();
        tokio::spawn(connection);
        Grpc { send }
    }

    /// Sends bytes and reads until the server closes the connection.
    pub(super) async fn raw(&self, bytes: &[u8]) -> String {
        let mut tcp = self.tcp().await;
        tcp.write_all(bytes).await.unwrap();
        within(read_all(&mut tcp)).await
    }

    /// Sends a POST over HTTP/1.1 on a connection of its own.
    pub(super) async fn post(&self, path: &str, headers: &str, body: &[u8]) -> (String, Vec<u8>) {
        let length = body.len();
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\
             connection: close\r\n{headers}\r\n"
        );
        self.exchange(&[head.as_bytes(), body].concat()).await
    }

    /// Sends a request over HTTP/1.1 and reads until the server closes the connection.
    pub(super) async fn exchange(&self, request: &[u8]) -> (String, Vec<u8>) {
        let mut tcp = self.tcp().await;
        tcp.write_all(request).await.unwrap();
        let mut all = Vec::new();
        within(tcp.read_to_end(&mut all)).await.unwrap();
        split(&all)
    }
}

pub(super) async fn read_all(tcp: &mut TcpStream) -> String {
    let mut all = Vec::new();
    let mut buffer = [0; 4096];
    // The server may also close the connection by a reset.
    while let Ok(count @ 1..) = tcp.read(&mut buffer).await {
        all.extend_from_slice(&buffer[..count]);
    }
    String::from_utf8_lossy(&all).into_owned()
}

/// Panics when a future takes too long, so that a test cannot hang.
pub(super) async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), future)
        .await
        .expect("finished in time")
}

/// Waits until a condition holds.
pub(super) async fn until(condition: impl Fn() -> bool) {
    within(async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    })
    .await;
}
