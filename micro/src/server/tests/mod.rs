//! A server with a test service, and bare clients to call it with.

mod connect;
mod drain;
mod grpc;
mod health;
mod hostile;
mod pages;
mod reflection;
mod rest;
mod text;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context as Waker, Poll};
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use futures_core::Stream;
use h2::client::SendRequest;
use http::{HeaderMap, Request};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::codec::{Codec, Message, Types};
use crate::context::Context;
use crate::error::{Detail, Error, Result};
use crate::handler::{
    Body, Kind, Method, Payload, PayloadStream, Reply, Resources, Route, Router, ServiceInfo,
};
use crate::server::tests::text::Text;
use crate::server::{Config, Running, Server};

/// What the test service counts.
#[derive(Debug, Default)]
pub(super) struct Test {
    pub(super) started: AtomicUsize,
    pub(super) dropped: AtomicUsize,
}

/// Counts a handler that ends, however it does.
pub(super) struct Counted(pub(super) Arc<Test>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dropped.fetch_add(1, Ordering::SeqCst);
    }
}

/// A stream from a function that polls.
struct FromPoll<F>(F);

impl<F> Stream for FromPoll<F>
where
    F: FnMut(&mut Waker<'_>) -> Poll<Option<Result<Payload>>> + Unpin,
{
    type Item = Result<Payload>;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        waker: &mut Waker<'_>,
    ) -> Poll<Option<Self::Item>> {
        (self.0)(waker)
    }
}

pub(super) const INFO: ServiceInfo = ServiceInfo::new("test", "test.Test").doc("For tests.");

fn methods() -> Vec<Method> {
    vec![
        Method::unary("Echo", |_: Arc<Test>, _, text: Text| async { Ok(text) }).doc("Echoes."),
        Method::unary("Wait", |test: Arc<Test>, _, text: Text| async move {
            let _counted = Counted(Arc::clone(&test));
            test.started.fetch_add(1, Ordering::SeqCst);
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
                context.set_reply_metadata("hint", "later")?;
                let detail = Detail::new("test.Text", [0x0a, 1, b'x']);
                Err::<Text, _>(Error::aborted(text.0).with_detail(detail))
            },
        ),
        Method::unary(
            "Meta",
            |_: Arc<Test>, context: Context, _: Text| async move {
                let mut seen: Vec<_> = context.metadata().iter().collect();
                seen.sort_unstable();
                context.set_reply_metadata("answer", "42")?;
                context.set_reply_metadata("trace-bin", "AAEC")?;
                Ok(Text(format!("{seen:?}")))
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
                Ok(Reply::new(Text(all)))
            })
        }),
        Method::raw("Chat", Kind::Bidirectional, TYPES, |_, body| {
            Box::pin(async move { Ok(Reply::from_body(body)) })
        }),
    ]
}

type Describe = fn(&mut Types) -> String;

const TYPES: (Describe, Describe) = (Text::describe, Text::describe);

/// Counts to the number in the request; a panic after 100, an error at 13.
fn count(body: Body) -> Result<Reply> {
    let to: usize = body.into_one()?.into_message::<Text>()?.0.parse().unwrap();
    let mut at = 0;
    let stream = PayloadStream::new(FromPoll(move |_: &mut Waker<'_>| {
        at += 1;
        assert!(at <= 100, "too far");
        Poll::Ready(match at {
            13 => Some(Err(Error::out_of_range("thirteen"))),
            _ if at > to => None,
            _ => Some(Ok(Payload::value(Text(at.to_string())))),
        })
    }));
    Ok(Reply::from_body(Body::Many(stream)))
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
    pub(super) health: crate::server::Health,
}

impl Served {
    pub(super) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub(super) async fn with(configure: impl FnOnce(&mut Config)) -> Self {
        Self::of(methods(), configure).await
    }

    pub(super) async fn of(methods: Vec<Method>, configure: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::default();
        configure(&mut config);
        let test = Arc::new(Test::default());
        let mut router = Router::new();
        for method in methods {
            let instance: Arc<Test> = Arc::clone(&test);
            router
                .add(Route::new(INFO, &method, instance, Resources::new()))
                .unwrap();
        }
        let server = Server::bind(config, router).await.unwrap();
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

    pub(super) async fn grpc(&self) -> Grpc {
        let (send, connection) = h2::client::handshake(self.tcp().await).await.unwrap();
        tokio::spawn(connection);
        Grpc { send }
    }

    /// Sends bytes and reads until the server closes, or until it has answered `responses` heads.
    pub(super) async fn raw(&self, bytes: &[u8]) -> String {
        let mut tcp = self.tcp().await;
        tcp.write_all(bytes).await.unwrap();
        within(read_all(&mut tcp)).await
    }
}

pub(super) async fn read_all(tcp: &mut TcpStream) -> String {
    let mut all = Vec::new();
    let mut buffer = [0; 4096];
    // A reset is one way to be closed.
    while let Ok(count @ 1..) = tcp.read(&mut buffer).await {
        all.extend_from_slice(&buffer[..count]);
    }
    String::from_utf8_lossy(&all).into_owned()
}

/// Fails a test that hangs.
pub(super) async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), future)
        .await
        .expect("finished in time")
}

/// Waits until something becomes true.
pub(super) async fn until(condition: impl Fn() -> bool) {
    within(async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    })
    .await;
}

/// A bare HTTP/2 client.
#[derive(Clone)]
pub(super) struct Grpc {
    pub(super) send: SendRequest<Bytes>,
}

/// What came back.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    pub(super) trailers: HeaderMap,
}

pub(super) fn frame(message: &[u8]) -> Bytes {
    let mut out = BytesMut::new();
    out.put_u8(0);
    out.put_u32(u32::try_from(message.len()).unwrap());
    out.put_slice(message);
    out.freeze()
}

pub(super) fn text(text: &str) -> Bytes {
    let mut out = Vec::new();
    Text(text.to_owned()).encode(&mut out);
    frame(&out)
}

pub(super) fn request(path: &str, headers: &[(&str, &str)]) -> Request<()> {
    let mut request = Request::post(format!("http://test{path}"))
        .header("te", "trailers")
        .body(())
        .unwrap();
    if !headers.iter().any(|(name, _)| *name == "content-type") {
        let value = "application/grpc".parse().unwrap();
        request.headers_mut().insert("content-type", value);
    }
    for (name, value) in headers {
        let name: http::HeaderName = name.parse().unwrap();
        request.headers_mut().append(name, value.parse().unwrap());
    }
    request
}

impl Grpc {
    pub(super) async fn call(&self, path: &str, headers: &[(&str, &str)], body: Bytes) -> Answer {
        within(self.try_call(request(path, headers), body))
            .await
            .unwrap()
    }

    pub(super) async fn try_call(
        &self,
        request: Request<()>,
        mut body: Bytes,
    ) -> Result<Answer, h2::Error> {
        let mut client = self.send.clone().ready().await?;
        let (response, mut stream) = client.send_request(request, body.is_empty())?;
        let sending = async move {
            while !body.is_empty() {
                stream.reserve_capacity(body.len());
                match std::future::poll_fn(|cx| stream.poll_capacity(cx)).await {
                    Some(Ok(room)) => {
                        let part = body.split_to(room.min(body.len()));
                        stream.send_data(part, body.is_empty())?;
                    }
                    // The server answers without waiting for the rest.
                    Some(Err(_)) | None => return Ok(stream),
                }
            }
            Ok::<_, h2::Error>(stream)
        };
        let (response, sent) = tokio::join!(response, sending);
        let _stream = sent?;
        let (head, mut body) = response?.into_parts();
        let mut data = BytesMut::new();
        while let Some(chunk) = body.data().await {
            let chunk = chunk?;
            body.flow_control().release_capacity(chunk.len())?;
            data.extend_from_slice(&chunk);
        }
        Ok(Answer {
            status: head.status.as_u16(),
            headers: head.headers,
            body: data.freeze(),
            trailers: body.trailers().await?.unwrap_or_default(),
        })
    }

    pub(super) async fn echo(&self, said: &str) -> String {
        let answer = self.call("/test.Test/Echo", &[], text(said)).await;
        answer.texts().concat()
    }
}

impl Answer {
    fn field(&self, name: &str) -> Option<&str> {
        let value = self.trailers.get(name).or_else(|| self.headers.get(name));
        value.map(|value| value.to_str().unwrap())
    }

    pub(super) fn code(&self) -> u32 {
        self.field("grpc-status").unwrap().parse().unwrap()
    }

    pub(super) fn message(&self) -> &str {
        self.field("grpc-message").unwrap_or_default()
    }

    pub(super) fn messages(&self) -> Vec<Bytes> {
        let mut rest = self.body.clone();
        let mut all = Vec::new();
        while !rest.is_empty() {
            assert_eq!(rest[0], 0);
            let length = u32::from_be_bytes(rest[1..5].try_into().unwrap()) as usize;
            all.push(rest.slice(5..5 + length));
            rest = rest.slice(5 + length..);
        }
        all
    }

    pub(super) fn texts(&self) -> Vec<String> {
        let messages = self.messages();
        let read = |message| Codec::Protobuf.decode::<Text>(message, usize::MAX);
        messages
            .iter()
            .map(|message| read(message).unwrap().0)
            .collect()
    }
}
