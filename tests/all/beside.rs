//! What people already have beside micro's services: an axum router, a tonic service, and clients
//! that tonic generates.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll};

use axum::Extension;
use axum::response::Html;
use axum::routing::get;
use futures_core::Stream;
use micro::App;
use micro::app::Running;
use micro::client::Client;
use micro::registry::{Memory, Registry};
use micro_tests::http;
use micro_tests::{Answer, Ask, DEADLINE, Greeter, GreeterClient, Program, World, answer};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tonic::body::Body;
use tonic::server::{Grpc, NamedService, UnaryService};
use tonic_prost::ProstCodec;

/// Tonic's messages, as prost generates them.
#[derive(Clone, PartialEq, prost::Message)]
struct EchoMessage {
    #[prost(string, tag = "1")]
    text: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct ProstAsk {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(uint64, tag = "2")]
    number: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
struct ProstAnswer {
    #[prost(string, tag = "1")]
    greeting: String,
    #[prost(uint64, tag = "2")]
    number: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
struct ProstNumber {
    #[prost(int64, tag = "1")]
    value: i64,
}

type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// A server of tonic, written like generated code.
#[derive(Clone)]
struct EchoServer;

struct EchoMethod;

impl UnaryService<EchoMessage> for EchoMethod {
    type Response = EchoMessage;
    type Future = BoxFuture<Result<tonic::Response<EchoMessage>, tonic::Status>>;

    fn call(&mut self, request: tonic::Request<EchoMessage>) -> Self::Future {
        Box::pin(async move {
            let request = request.into_inner();
            if request.text.is_empty() {
                return Err(tonic::Status::invalid_argument("no text"));
            }
            Ok(tonic::Response::new(request))
        })
    }
}

impl<B> tower_service::Service<http::Request<B>> for EchoServer
where
    B: http_body::Body + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>> + Send + 'static,
{
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut TaskContext<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        match request.uri().path() {
            "/echo.v1.Echo/Echo" => Box::pin(async move {
                let codec = ProstCodec::<EchoMessage, EchoMessage>::default();
                Ok(Grpc::new(codec).unary(EchoMethod, request).await)
            }),
            _ => Box::pin(async move { Ok(tonic::Status::unimplemented("none").into_http()) }),
        }
    }
}

impl NamedService for EchoServer {
    const NAME: &'static str = "echo.v1.Echo";
}

#[micro::service]
struct Greeting;

#[micro::service]
impl Greeter for Greeting {
    async fn hello(&self, ask: Ask) -> micro::Result<Answer> {
        if ask.name.is_empty() {
            return Err(micro::Error::invalid_argument("whom?"));
        }
        Ok(answer(ask).await)
    }

    async fn once(&self, ask: Ask) -> micro::Result<Answer> {
        Ok(answer(ask).await)
    }
}

/// A page that calls a service of the process with the app's client.
async fn page(Extension(client): Extension<Client>) -> Result<Html<String>, String> {
    let ask = Ask {
        name: "Ada".to_owned(),
        ..Ask::default()
    };
    let answer = GreeterClient::new(client).hello(ask).await;
    let answer = answer.map_err(|error| error.message().to_owned())?;
    Ok(Html(format!("<h1>{}</h1>", answer.greeting)))
}

async fn start(registry: &Registry) -> Running {
    let app = App::builder()
        .registry(registry.clone())
        .setting("address", "127.0.0.1:0")
        .service(Greeting)
        .fallback(axum::Router::new().route("/", get(page)))
        .tonic_service(EchoServer);
    app.build().await.unwrap().start().await.unwrap()
}

/// One call as a client that tonic generated makes it.
async fn call<Request, Response, T>(
    transport: T,
    path: &'static str,
    request: Request,
) -> Result<Response, tonic::Status>
where
    Request: prost::Message + Send + Sync + 'static,
    Response: prost::Message + Default + Send + Sync + 'static,
    T: tonic::client::GrpcService<Body>,
    T::ResponseBody: http_body::Body<Data = bytes::Bytes> + Send + 'static,
    <T::ResponseBody as http_body::Body>::Error:
        Into<Box<dyn std::error::Error + Send + Sync>> + Send,
    T::Error: std::fmt::Debug,
{
    let mut grpc = tonic::client::Grpc::new(transport);
    grpc.ready()
        .await
        .map_err(|_| tonic::Status::unavailable("not ready"))?;
    let codec = ProstCodec::<Request, Response>::default();
    let path = http::uri::PathAndQuery::from_static(path);
    let response = grpc
        .unary(tonic::Request::new(request), path, codec)
        .await?;
    Ok(response.into_inner())
}

#[tokio::test]
async fn a_page_of_axum_calls_a_service_of_its_process() {
    let registry = Registry::new(Memory::new());
    let app = start(&registry).await;
    let address = app.address().unwrap().to_string();
    let page = tokio::task::spawn_blocking(move || http(&address, "GET /\n", b"").unwrap());
    let page = page.await.unwrap();
    assert_eq!(page.body, "<h1>Hello Ada</h1>");
    app.stop().await;
}

#[tokio::test]
async fn clients_of_tonic_find_services_of_micro_and_of_tonic() {
    let registry = Registry::new(Memory::new());
    let app = start(&registry).await;
    let client = Client::builder().registry(registry.clone()).build();
    // A service of micro.
    let ask = ProstAsk {
        name: "Ada".to_owned(),
        number: 7,
    };
    let hello = "/greeter.Greeter/Hello";
    let answer: ProstAnswer = call(client.channel("greeter"), hello, ask).await.unwrap();
    assert_eq!((&*answer.greeting, answer.number), ("Hello Ada", 7));
    let refused = call::<_, ProstAnswer, _>(client.channel("greeter"), hello, ProstAsk::default());
    let refused = refused.await.unwrap_err();
    assert_eq!(
        (refused.code(), refused.message()),
        (tonic::Code::InvalidArgument, "whom?")
    );
    // A service of tonic, registered under its own name.
    let echo = "/echo.v1.Echo/Echo";
    let text = EchoMessage {
        text: "a".repeat(1 << 20),
    };
    let echoed: EchoMessage = call(client.channel("echo"), echo, text.clone())
        .await
        .unwrap();
    assert_eq!(echoed, text);
    let refused = call::<_, EchoMessage, _>(client.channel("echo"), echo, EchoMessage::default());
    let refused = refused.await.unwrap_err();
    assert_eq!(
        (refused.code(), refused.message()),
        (tonic::Code::InvalidArgument, "no text")
    );
    let unknown = "/echo.v1.Echo/Unknown";
    let unknown = call::<_, EchoMessage, _>(client.channel("echo"), unknown, text.clone());
    assert_eq!(
        unknown.await.unwrap_err().code(),
        tonic::Code::Unimplemented
    );
    app.stop().await;
    let gone = call::<_, EchoMessage, _>(client.channel("echo"), echo, text);
    assert_eq!(gone.await.unwrap_err().code(), tonic::Code::Unavailable);
}

/// Requests that a test sends one by one.
struct Requests(UnboundedReceiver<ProstNumber>);

impl Stream for Requests {
    type Item = ProstNumber;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Option<ProstNumber>> {
        self.0.poll_recv(cx)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_of_tonic_begins_before_its_first_request() {
    let world = World::new();
    let mut node = Program::start(&mut world.command(env!("CARGO_BIN_EXE_kinds")));
    node.line("address");
    let registry = Registry::open(&world.registry()).unwrap();
    let client = Client::builder().registry(registry).build();
    let mut grpc = tonic::client::Grpc::new(client.channel("kinds"));
    grpc.ready().await.unwrap();
    let (sender, requests) = unbounded_channel();
    let path = http::uri::PathAndQuery::from_static("/kinds.Kinds/Sums");
    let codec = ProstCodec::<ProstNumber, ProstNumber>::default();
    let call = grpc.streaming(tonic::Request::new(Requests(requests)), path, codec);
    let call = tokio::time::timeout(DEADLINE, call).await;
    let mut sums = call.expect("the call begins").unwrap().into_inner();
    for (value, sum) in [(1, 1), (2, 3), (4, 7)] {
        sender.send(ProstNumber { value }).unwrap();
        let next = sums.message().await.unwrap();
        assert_eq!(next, Some(ProstNumber { value: sum }));
    }
    drop(sender);
    assert_eq!(sums.message().await.unwrap(), None);
    let trailers = sums.trailers().await.unwrap().unwrap();
    assert_eq!(trailers.get("x-after").unwrap(), "sums");
}
