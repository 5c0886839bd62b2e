//! tonic's side: its server and client on their defaults, written like generated code.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use http::uri::PathAndQuery;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::body::Body;
use tonic::client::Grpc as ClientGrpc;
use tonic::server::{Grpc, NamedService, ServerStreamingService, StreamingService};
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Request, Response, Status, Streaming};
use tonic_prost::ProstCodec;

use crate::caller::{Caller, payload};

/// The request and the response.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Payload {
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) data: Vec<u8>,
}

type Codec = ProstCodec<Payload, Payload>;

type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

#[derive(Clone)]
struct EchoServer;

/// Echoes each request.
struct Each;

impl StreamingService<Payload> for Each {
    type Response = Payload;
    type ResponseStream = Streaming<Payload>;
    type Future = BoxFuture<Result<Response<Self::ResponseStream>, Status>>;

    fn call(&mut self, request: Request<Streaming<Payload>>) -> Self::Future {
        Box::pin(async move { Ok(Response::new(request.into_inner())) })
    }
}

/// Counts without end.
struct Many;

struct Counting(u64);

impl Stream for Counting {
    type Item = Result<Payload, Status>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let data = payload(self.0);
        self.0 += 1;
        Poll::Ready(Some(Ok(Payload { data })))
    }
}

impl ServerStreamingService<Payload> for Many {
    type Response = Payload;
    type ResponseStream = Counting;
    type Future = BoxFuture<Result<Response<Self::ResponseStream>, Status>>;

    fn call(&mut self, _: Request<Payload>) -> Self::Future {
        Box::pin(async move { Ok(Response::new(Counting(0))) })
    }
}

impl tower_service::Service<http::Request<Body>> for EchoServer {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        match request.uri().path() {
            "/echo.Echo/Each" => Box::pin(async move {
                let mut grpc = Grpc::new(Codec::default());
                Ok(grpc.streaming(Each, request).await)
            }),
            "/echo.Echo/Many" => Box::pin(async move {
                let mut grpc = Grpc::new(Codec::default());
                Ok(grpc.server_streaming(Many, request).await)
            }),
            _ => Box::pin(async move { Ok(Status::unimplemented("no such method").into_http()) }),
        }
    }
}

impl NamedService for EchoServer {
    const NAME: &'static str = "echo.Echo";
}

/// Serves until killed. Prints the port.
pub(crate) fn serve() -> io::Result<()> {
    tokio::runtime::Runtime::new()?.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        println!("{}", listener.local_addr()?.port());
        // As `Server::serve` does: TCP_NODELAY is its default.
        let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
        Server::builder()
            .max_concurrent_streams(20_000)
            .add_service(EchoServer)
            .serve_with_incoming(incoming)
            .await
            .map_err(io::Error::other)
    })
}

pub(crate) struct Tonic(Channel);

impl Tonic {
    async fn ready(&self) -> io::Result<ClientGrpc<Channel>> {
        let mut grpc = ClientGrpc::new(self.0.clone());
        grpc.ready().await.map_err(io::Error::other)?;
        Ok(grpc)
    }
}

impl Caller for Tonic {
    type Sender = mpsc::Sender<Payload>;
    type Replies = Streaming<Payload>;

    async fn connect(port: u16) -> io::Result<Self> {
        let endpoint = Endpoint::from_shared(format!("http://127.0.0.1:{port}"));
        let endpoint = endpoint.map_err(io::Error::other)?;
        let channel = endpoint.connect().await.map_err(io::Error::other)?;
        Ok(Self(channel))
    }

    async fn many(&self, data: Vec<u8>) -> io::Result<Self::Replies> {
        let (mut grpc, request) = (self.ready().await?, Request::new(Payload { data }));
        let path = PathAndQuery::from_static("/echo.Echo/Many");
        let replies = grpc.server_streaming(request, path, Codec::default()).await;
        Ok(replies.map_err(io::Error::other)?.into_inner())
    }

    async fn each(&self, capacity: usize) -> io::Result<(Self::Sender, Self::Replies)> {
        let (sender, requests) = mpsc::channel(capacity);
        let mut grpc = self.ready().await?;
        let request = Request::new(ReceiverStream::new(requests));
        let path = PathAndQuery::from_static("/echo.Echo/Each");
        let replies = grpc.streaming(request, path, Codec::default()).await;
        Ok((sender, replies.map_err(io::Error::other)?.into_inner()))
    }

    async fn send(sender: &Self::Sender, data: Vec<u8>) -> io::Result<()> {
        let sent = sender.send(Payload { data }).await;
        sent.map_err(io::Error::other)
    }

    async fn next(replies: &mut Self::Replies) -> io::Result<Vec<u8>> {
        let next = replies.message().await.map_err(io::Error::other)?;
        next.map(|payload| payload.data)
            .ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }
}
