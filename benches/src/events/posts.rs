//! Plain posts over HTTP/2, with the library that the broker uses. Each is answered with 200.
//!
//! Both ends are minimal: nothing is decoded, stored or forwarded.

use std::io;

use bytes::Bytes;
use h2::client::SendRequest;
use http::{Request, Response};
use tokio::net::{TcpListener, TcpStream};

/// Answers posts until killed. Prints the port.
pub(crate) async fn serve() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?.port());
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(async move {
            if let Err(error) = answer(stream).await {
                eprintln!("a connection ended: {error}");
            }
        });
    }
}

async fn answer(stream: TcpStream) -> Result<(), h2::Error> {
    let mut connection = h2::server::handshake(stream).await?;
    while let Some(asked) = connection.accept().await {
        let (request, mut reply) = asked?;
        tokio::spawn(async move {
            let mut body = request.into_body();
            while let Some(Ok(chunk)) = body.data().await {
                if body.flow_control().release_capacity(chunk.len()).is_err() {
                    return;
                }
            }
            if let Err(error) = reply.send_response(Response::new(()), true) {
                eprintln!("not answered: {error}");
            }
        });
    }
    Ok(())
}

/// One connection. Clones share it.
#[derive(Clone)]
pub(crate) struct Poster {
    sender: SendRequest<Bytes>,
    url: String,
}

impl Poster {
    pub(crate) async fn connect(port: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(format!("127.0.0.1:{port}")).await?;
        stream.set_nodelay(true)?;
        let shaken = h2::client::handshake(stream).await;
        let (sender, connection) = shaken.map_err(io::Error::other)?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                eprintln!("the connection ended: {error}");
            }
        });
        Ok(Self {
            sender,
            url: format!("http://127.0.0.1:{port}/"),
        })
    }

    /// Sends a post and waits for the 200.
    pub(crate) async fn post(&self, body: Bytes) -> io::Result<()> {
        let request = Request::post(&self.url).header("content-type", "application/octet-stream");
        let request = request.body(()).map_err(io::Error::other)?;
        let ready = self.sender.clone().ready().await;
        let sent = ready.and_then(|mut sender| sender.send_request(request, false));
        let (reply, mut stream) = sent.map_err(io::Error::other)?;
        let sent = stream.send_data(body, true);
        sent.map_err(io::Error::other)?;
        let reply = reply.await.map_err(io::Error::other)?;
        if reply.status() == 200 {
            Ok(())
        } else {
            Err(io::Error::other(format!("answered {}", reply.status())))
        }
    }
}
