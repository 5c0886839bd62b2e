//! micro's side: an echo service and its client with attributes, on default settings.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use micro::client::Client;
use micro::handler::Sender;
use micro::prelude::*;

use crate::caller::{Caller, payload};

/// The request and the response.
#[micro::message(name = "Payload", package = "echo")]
pub(crate) struct Payload {
    data: Vec<u8>,
}

#[micro::service]
struct Echo {}

#[micro::service]
impl Echo {
    /// Echoes each request.
    #[micro::rpc]
    async fn each(&self, input: Streaming<Payload>) -> Result<Streaming<Payload>> {
        Ok(input)
    }

    /// Counts without end.
    #[micro::rpc]
    async fn many(&self, _request: Payload) -> Result<impl Stream<Item = Payload>> {
        Ok(Counting(0))
    }
}

struct Counting(u64);

impl Stream for Counting {
    type Item = Payload;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Payload>> {
        let data = payload(self.0);
        self.0 += 1;
        Poll::Ready(Some(Payload { data }))
    }
}

/// Serves until killed. Prints the port.
pub(crate) fn serve() -> io::Result<()> {
    // One connection must hold all idle streams.
    micro_benches::serve(App::builder().setting("limits.max_streams", "20000"))
}

pub(crate) struct Micro {
    client: EchoClient,
    address: String,
}

impl Caller for Micro {
    type Sender = Sender<Payload>;
    type Replies = Streaming<Payload>;

    async fn connect(port: u16) -> io::Result<Self> {
        Ok(Self {
            client: EchoClient::new(Client::builder().build()),
            address: format!("127.0.0.1:{port}"),
        })
    }

    async fn many(&self, data: Vec<u8>) -> io::Result<Self::Replies> {
        let call = self.client.many(Payload { data }).address(&*self.address);
        call.await.map_err(io::Error::other)
    }

    async fn each(&self, capacity: usize) -> io::Result<(Self::Sender, Self::Replies)> {
        let (sender, input) = Streaming::channel(capacity);
        let call = self.client.each(input).address(&*self.address);
        Ok((sender, call.await.map_err(io::Error::other)?))
    }

    async fn send(sender: &Self::Sender, data: Vec<u8>) -> io::Result<()> {
        let sent = sender.send(Payload { data }).await;
        sent.map_err(io::Error::other)
    }

    async fn next(replies: &mut Self::Replies) -> io::Result<Vec<u8>> {
        match replies.next().await {
            Some(Ok(payload)) => Ok(payload.data),
            Some(Err(error)) => Err(io::Error::other(error)),
            None => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}
