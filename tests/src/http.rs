//! HTTP/1.1 as text, so that tests reach a server without micro's own client.

use std::io::{self, Read, Write};
use std::net::TcpStream;

use crate::wait::DEADLINE;

/// A server's response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The header lines, without the status line, in lower case.
    pub head: String,
    /// The body, with chunks joined.
    pub body: String,
}

/// Sends a request on a new connection and reads the response to its end.
///
/// # Errors
///
/// Errors of the connection, and `InvalidData` if the response is not HTTP.
pub fn http(address: &str, request: &str, body: &[u8]) -> io::Result<Response> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(DEADLINE))?;
    stream.set_write_timeout(Some(DEADLINE))?;
    let (first, headers) = request.split_once('\n').unwrap_or((request, ""));
    let headers: Vec<&str> = headers.lines().chain([""]).collect();
    let headers = headers.join("\r\n");
    let length = body.len();
    let head = format!(
        "{first} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\
         content-length: {length}\r\n{headers}\r\n"
    );
    stream.write_all(head.as_bytes())?;
    // A server that refuses a body need not read it. Only its response matters.
    let sent = stream.write_all(body);
    let mut answer = Vec::new();
    let read = stream.read_to_end(&mut answer);
    if let Some(response) = read_response(&String::from_utf8_lossy(&answer)) {
        return Ok(response);
    }
    sent?;
    read?;
    Err(io::Error::new(io::ErrorKind::InvalidData, "not HTTP"))
}

fn read_response(text: &str) -> Option<Response> {
    let (head, body) = text.split_once("\r\n\r\n")?;
    let (first, head) = head.split_once("\r\n").unwrap_or((head, ""));
    let status = first.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
    let head = head.to_ascii_lowercase();
    let chunked = head.contains("transfer-encoding: chunked");
    let body = if chunked {
        unchunk(body)?
    } else {
        body.to_owned()
    };
    Some(Response { status, head, body })
}

fn unchunk(mut rest: &str) -> Option<String> {
    let mut body = String::new();
    loop {
        let (size, after) = rest.split_once("\r\n")?;
        let size = usize::from_str_radix(size.trim(), 16).ok()?;
        if size == 0 {
            return Some(body);
        }
        body.push_str(after.get(..size)?);
        rest = after.get(size..)?.strip_prefix("\r\n")?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_put_together() {
        let text =
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n";
        let response = read_response(text).expect("it is HTTP");
        assert_eq!((response.status, &*response.body), (200, "abcd"));
    }
}
