//! A single POST over HTTP/1.1 on its own connection, for peers without HTTP/2.
//!
//! Only the status of the response is read. TLS is not supported. The caller applies a timeout.

use std::io;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// Maximum length of a status line, in bytes.
const MAX_STATUS_LINE: u64 = 1024;

/// Posts a body and returns the status of the response.
///
/// # Errors
///
/// Fails if the peer cannot be reached or the response is not HTTP.
pub(crate) async fn post(
    address: &str,
    target: &str,
    content_type: &str,
    body: &[u8],
) -> io::Result<u16> {
    let mut stream = TcpStream::connect(address).await?;
    let head = format!(
        "POST {target} HTTP/1.1\r\nhost: {address}\r\ncontent-type: {content_type}\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body).await?;
    let mut line = Vec::new();
    let mut answer = BufReader::with_capacity(1024, stream).take(MAX_STATUS_LINE);
    answer.read_until(b'\n', &mut line).await?;
    status(&line).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "no answer in HTTP"))
}

/// Parses the status code in `HTTP/1.1 200 OK`.
fn status(line: &[u8]) -> Option<u16> {
    let line = std::str::from_utf8(line).ok()?;
    let rest = line.strip_prefix("HTTP/1.")?;
    rest.split(' ').nth(1)?.trim_end().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the result of `post` when the server responds with `text`.
    async fn answered(text: &'static str) -> io::Result<u16> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?.to_string();
        let serving = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await?;
            let mut request = [0; 512];
            let _ = stream.read(&mut request).await?; // The request does not matter here.
            stream.write_all(text.as_bytes()).await
        });
        let status = post(&address, "/", "text/plain", b"x").await;
        serving.await.expect("the server ends")?;
        status
    }

    #[tokio::test]
    async fn the_status_is_read_and_a_line_without_end_is_refused() {
        let good = "HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n";
        assert_eq!(answered(good).await.unwrap(), 202);
        assert_eq!(answered("HTTP/1.1 200 OK").await.unwrap(), 200);
        let endless: &'static str = Box::leak("x".repeat(4096).into_boxed_str());
        let error = answered(endless).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }

    #[test]
    fn only_a_status_line_is_a_status() {
        assert_eq!(status(b"HTTP/1.1 200 OK\r"), Some(200));
        assert_eq!(status(b"HTTP/1.0 503\r"), Some(503));
        for line in ["", "SSH-2.0", "HTTP/1.1", "HTTP/1.1 abc", "HTTP/2 200"] {
            assert_eq!(status(line.as_bytes()), None, "{line}");
        }
    }
}
