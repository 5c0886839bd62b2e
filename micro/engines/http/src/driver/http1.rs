//! One POST over HTTP/1.1, on a connection of its own, for peers that speak nothing newer.
//!
//! Reads the status and nothing else of the answer. Without TLS; limits no time.

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The longest status line that is read.
const LINE: usize = 1024;

/// Posts a body; gives the status.
///
/// # Errors
///
/// When the peer cannot be reached or does not answer in HTTP.
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
    let mut byte = [0];
    while line.len() < LINE && stream.read(&mut byte).await? == 1 && byte[0] != b'\n' {
        line.push(byte[0]);
    }
    status(&line).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "no answer in HTTP"))
}

/// The number in `HTTP/1.1 200 OK`.
fn status(line: &[u8]) -> Option<u16> {
    let line = std::str::from_utf8(line).ok()?;
    let rest = line.strip_prefix("HTTP/1.")?;
    rest.split(' ').nth(1)?.trim_end().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_status_line_is_a_status() {
        assert_eq!(status(b"HTTP/1.1 200 OK\r"), Some(200));
        assert_eq!(status(b"HTTP/1.0 503\r"), Some(503));
        for line in ["", "SSH-2.0", "HTTP/1.1", "HTTP/1.1 abc", "HTTP/2 200"] {
            assert_eq!(status(line.as_bytes()), None, "{line}");
        }
    }
}
