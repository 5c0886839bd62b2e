//! A long-lived bidirectional stream of messages over HTTP/2, with gRPC framing.
//!
//! Each stream has its own connection. Keep-alive pings detect a peer that has disappeared. The
//! driver does not reconnect, and it does not interpret the messages.

use micro_core::internal::spawn;
use std::future::poll_fn;
use std::time::Duration;

use bytes::Bytes;
use h2::client::{Builder, ResponseFuture};
use h2::{Ping, PingPong, RecvStream, SendStream};
use http::Request;
use micro_message::error::Error;
use micro_wire::grpc::frame::{Decoder, OpenFrame, PLAIN, PREFIX_LEN};
use micro_wire::grpc::status;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

/// Flow-control window of the connection and of the stream, in bytes.
const STREAM_WINDOW: u32 = 4 << 20;
/// Maximum length of a received message, in bytes.
const MAX_MESSAGE: usize = 64 << 20;

/// Timeouts of a connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timeouts {
    /// Timeout for establishing the connection. Default: 3 s.
    pub(crate) connect: Duration,
    /// Interval between keep-alive pings. Default: 5 s.
    pub(crate) interval: Duration,
    /// Timeout for the response to a ping. Default: 5 s.
    pub(crate) answer: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(3),
            interval: Duration::from_secs(5),
            answer: Duration::from_secs(5),
        }
    }
}

/// Task that drives the connection. It is aborted when this guard is dropped.
#[derive(Debug)]
pub(crate) struct Connection(JoinHandle<()>);

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Sending half of the stream.
#[derive(Debug)]
pub(crate) struct Writer(SendStream<Bytes>);

/// Receiving half of the stream.
pub(crate) struct Reader {
    /// The pending response, until its headers have arrived.
    response: Option<ResponseFuture>,
    stream: Option<RecvStream>,
    decoder: Decoder,
}

/// Connects to `address` and opens a stream at `path`.
///
/// # Errors
///
/// Returns the reason, phrased to follow "cannot connect".
pub(crate) async fn open(
    address: &str,
    path: &str,
    times: Timeouts,
) -> Result<(Connection, Writer, Reader), String> {
    match timeout(times.connect, opened(address, path, times)).await {
        Ok(opened) => opened,
        Err(_) => Err(format!("no answer within {:?}", times.connect)),
    }
}

async fn opened(
    address: &str,
    path: &str,
    times: Timeouts,
) -> Result<(Connection, Writer, Reader), String> {
    let request = Request::post(format!("http://{address}{path}"))
        .header("content-type", "application/grpc+proto")
        .header("te", "trailers")
        .body(())
        .map_err(|_| format!("`{}` is not an address", address.escape_debug()))?;
    let tcp = TcpStream::connect(address).await.map_err(error_message)?;
    tcp.set_nodelay(true).map_err(error_message)?;
    let handshake = Builder::new()
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(STREAM_WINDOW)
        .enable_push(false)
        .handshake(tcp);
    let (sender, mut frames) = handshake.await.map_err(error_message)?;
    let pings = frames.ping_pong().expect("asked for once");
    let connection = Connection(spawn(async move {
        tokio::select! {
            ended = frames => {
                if let Err(error) = ended {
                    tracing::debug!(%error, "connection broken");
                }
            }
            () = until_unresponsive(pings, times) => tracing::debug!("connection given up: no answer"),
        }
    }));
    let mut sender = sender.ready().await.map_err(error_message)?;
    let (response, stream) = sender.send_request(request, false).map_err(error_message)?;
    let reader = Reader {
        response: Some(response),
        stream: None,
        decoder: Decoder::default(),
    };
    Ok((connection, Writer(stream), reader))
}

fn error_message(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// Sends keep-alive pings. Completes when the peer does not respond to one.
async fn until_unresponsive(mut pings: PingPong, times: Timeouts) {
    loop {
        sleep(times.interval).await;
        match timeout(times.answer, pings.ping(Ping::opaque())).await {
            Ok(Ok(_)) => {}
            Ok(Err(_)) | Err(_) => return,
        }
    }
}

impl Writer {
    /// Sends a message. Waits while the peer's flow-control window is exhausted.
    ///
    /// # Errors
    ///
    /// Fails if the stream has ended.
    pub(crate) async fn send(&mut self, message: &[u8]) -> Result<(), String> {
        let mut frame = Vec::with_capacity(PREFIX_LEN + message.len());
        let open = OpenFrame::begin(&mut frame);
        frame.extend_from_slice(message);
        let closed = open.close(&mut frame);
        closed.map_err(|length| format!("a message of {length} bytes is too long"))?;
        let mut frame = Bytes::from(frame);
        while !frame.is_empty() {
            self.0.reserve_capacity(frame.len());
            let room = poll_fn(|cx| self.0.poll_capacity(cx)).await;
            let room = room.ok_or("the stream is over")?.map_err(error_message)?;
            let part = frame.split_to(room.min(frame.len()));
            if !part.is_empty() {
                self.0.send_data(part, false).map_err(error_message)?;
            }
        }
        Ok(())
    }
}

impl Reader {
    /// Returns the next message, or `None` at the end of the stream.
    ///
    /// # Errors
    ///
    /// Fails if the stream breaks or the peer rejects the request.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, String> {
        loop {
            if let Some(message) = self.message()? {
                return Ok(Some(message));
            }
            let Some(chunk) = self.stream().await?.data().await else {
                return Ok(None);
            };
            let chunk = chunk.map_err(error_message)?;
            let stream = self.stream().await?;
            let released = stream.flow_control().release_capacity(chunk.len());
            released.map_err(error_message)?;
            self.decoder.push(chunk);
        }
    }

    /// Returns the response stream, once the response's headers have arrived.
    async fn stream(&mut self) -> Result<&mut RecvStream, String> {
        if let Some(response) = &mut self.response {
            let response = response.await.map_err(error_message)?;
            self.response = None;
            let (head, stream) = response.into_parts();
            let refused = status::read(&head.headers).and_then(Result::err);
            if refused.is_some() || !head.status.is_success() {
                let text = refused.as_ref().map(Error::message);
                let text = text.unwrap_or("without a message");
                return Err(format!("refused with {}: {text}", head.status));
            }
            self.stream = Some(stream);
        }
        self.stream
            .as_mut()
            .ok_or_else(|| "it was refused".to_owned())
    }

    /// Decodes the next complete message from the received data, if there is one.
    fn message(&mut self) -> Result<Option<Bytes>, String> {
        let Some(prefix) = self.decoder.prefix() else {
            return Ok(None);
        };
        if prefix.flag != PLAIN {
            return Err("a compressed message, which was not offered".to_owned());
        }
        if prefix.length > MAX_MESSAGE {
            let length = prefix.length;
            return Err(format!(
                "a message of {length} bytes; {MAX_MESSAGE} are allowed"
            ));
        }
        Ok(self.decoder.message(prefix))
    }
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn refusal_is_told_as_the_peer_wrote_it_before_it_was_encoded() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let serving = tokio::spawn(async move {
            let (tcp, _) = listener.accept().await.unwrap();
            let mut connection = h2::server::handshake(tcp).await.unwrap();
            let (_, mut respond) = connection.accept().await.unwrap().unwrap();
            let refused = http::Response::builder()
                .header("grpc-status", "12")
                .header("grpc-message", "100%25 of it");
            let refused = refused.body(()).unwrap();
            respond.send_response(refused, true).unwrap();
            // Keeps the connection open until the client closes it.
            while connection.accept().await.is_some() {}
        });
        let opened = open(&address, "/a", Timeouts::default()).await.unwrap();
        let (connection, writer, mut reader) = opened;
        let read = timeout(Duration::from_secs(10), reader.next()).await;
        assert_eq!(
            read.expect("the peer has answered").unwrap_err(),
            "refused with 200 OK: 100% of it"
        );
        drop((connection, writer, reader));
        serving.abort();
    }
}
