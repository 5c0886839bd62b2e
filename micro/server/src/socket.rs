//! `Socket`: a TCP stream whose protocol is detected from its first bytes, and whose writes fail
//! when the peer takes nothing for too long.
//!
//! A further protocol with a preface needs a variant of [`Protocol`] and a case in `recognize`. No
//! other code looks at the first bytes.

use std::io::{self, IoSlice, Read};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, BytesMut};
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::activity::Activity;
use crate::timeouts::StallTimer;

/// The protocol of a connection, by its first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    /// HTTP/2 with prior knowledge.
    Http2,
    /// HTTP/1.
    Http1,
    /// A TLS handshake, which this port does not support.
    Tls,
    /// An unknown protocol.
    Unknown,
}

const HTTP2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Maximum length of an HTTP/1 method name.
const MAX_METHOD: usize = 16;

/// Reads until the protocol is certain. Returns `None` when the peer closes without sending a byte.
pub(super) async fn sniff(
    stream: &mut (impl AsyncRead + Unpin),
) -> io::Result<Option<(Protocol, BytesMut)>> {
    let mut read = BytesMut::with_capacity(1024);
    loop {
        if stream.read_buf(&mut read).await? == 0 {
            let end = (!read.is_empty()).then_some((Protocol::Unknown, read));
            return Ok(end);
        }
        if let Some(protocol) = recognize(&read) {
            return Ok(Some((protocol, read)));
        }
    }
}

/// Returns the protocol of the first bytes; `None` while several protocols are possible.
fn recognize(read: &[u8]) -> Option<Protocol> {
    if read.len() >= HTTP2_PREFACE.len() && read.starts_with(HTTP2_PREFACE) {
        return Some(Protocol::Http2);
    }
    if HTTP2_PREFACE.starts_with(read) {
        return None;
    }
    if read[0] == 0x16 {
        return match read.get(1) {
            None => None,
            Some(3) => Some(Protocol::Tls),
            Some(_) => Some(Protocol::Unknown),
        };
    }
    // HTTP/1 starts with a method and a space. Empty lines before the method are tolerated.
    let start = read.iter().position(|byte| !b"\r\n".contains(byte));
    let line = &read[start.unwrap_or(read.len())..];
    let method = line.iter().take(MAX_METHOD).position(|&byte| byte == b' ');
    let letters = &line[..method.unwrap_or(line.len().min(MAX_METHOD))];
    if !letters.iter().all(u8::is_ascii_uppercase) || read.len() - line.len() > MAX_METHOD {
        return Some(Protocol::Unknown);
    }
    match method {
        Some(0) => Some(Protocol::Unknown),
        Some(_) => Some(Protocol::Http1),
        None if line.len() >= MAX_METHOD => Some(Protocol::Unknown),
        None => None,
    }
}

/// A TCP stream with its first bytes still to be read, and a timeout for stalled writes.
#[derive(Debug)]
pub(super) struct Socket {
    stream: TcpStream,
    /// Bytes that were read to detect the protocol. Empty after the first reads.
    first: BytesMut,
    stall: StallTimer,
    /// Receives a report of each read over HTTP/1.
    activity: Option<Arc<Activity>>,
}

impl Socket {
    pub(super) fn new(stream: TcpStream, first: BytesMut, timeout: Duration) -> Self {
        Self {
            stream,
            first,
            stall: StallTimer::new(timeout),
            activity: None,
        }
    }

    /// Reports each read to `activity`.
    pub(super) fn with_activity(mut self, activity: Arc<Activity>) -> Self {
        self.activity = Some(activity);
        self
    }

    /// Reads, and asks the system if the runtime knows of no bytes and `activity` requires it.
    fn poll_stream(&mut self, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_read(cx, out);
        let directly = |activity: &Arc<Activity>| activity.reads_directly();
        if polled.is_ready() || !self.activity.as_ref().is_some_and(directly) {
            return polled;
        }
        let socket = SockRef::from(&self.stream);
        match (&*socket).read(out.initialize_unfilled()) {
            Ok(count) => {
                out.advance(count);
                Poll::Ready(Ok(()))
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                // The poll above has registered the waker; the next poll reads.
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Err(error) => Poll::Ready(Err(error)),
        }
    }

    /// Returns the result of a write, or an error when the peer has taken nothing for too long.
    fn or_stalled(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            self.stall.progress();
            return written;
        }
        let timeout = ready!(self.stall.poll(cx));
        let error = format!("the peer took nothing for {timeout:?}");
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, error)))
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let filled = out.filled().len();
        if self.first.is_empty() {
            ready!(self.poll_stream(cx, out))?;
        } else {
            let length = self.first.len().min(out.remaining());
            out.put_slice(&self.first[..length]);
            self.first.advance(length);
            if self.first.is_empty() {
                self.first = BytesMut::new();
            }
        }
        if let Some(activity) = &self.activity
            && out.filled().len() > filled
        {
            activity.received();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.or_stalled(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.or_stalled(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_prefix_of_the_preface_waits() {
        for end in 1..HTTP2_PREFACE.len() {
            assert_eq!(recognize(&HTTP2_PREFACE[..end]), None, "{end}");
        }
        assert_eq!(recognize(HTTP2_PREFACE), Some(Protocol::Http2));
    }

    #[test]
    fn methods_are_http1() {
        for head in ["GET / HTTP/1.1", "POST /a", "PRIME x", "\r\nGET /", "PUT "] {
            assert_eq!(recognize(head.as_bytes()), Some(Protocol::Http1), "{head}");
        }
        for head in ["G", "GE", "PR", "PRI", "\r\n", "OPTIONS"] {
            assert_eq!(recognize(head.as_bytes()), None, "{head}");
        }
    }

    #[test]
    fn everything_else_is_unknown() {
        let garbage: [&[u8]; 6] = [
            b"\0",
            b"get /",
            b" GET",
            b"SSH-2.0-OpenSSH",
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZ",
            b"\x16\x04",
        ];
        for bytes in garbage {
            assert_eq!(recognize(bytes), Some(Protocol::Unknown), "{bytes:?}");
        }
        assert_eq!(recognize(b"\x16\x03\x01"), Some(Protocol::Tls));
    }

    #[tokio::test]
    async fn bytes_that_were_read_come_back() {
        let mut stream: &[u8] = b"GET / HTTP/1.1\r\n\r\n";
        let (protocol, read) = sniff(&mut stream).await.unwrap().unwrap();
        assert_eq!(protocol, Protocol::Http1);
        assert_eq!(&read[..], b"GET / HTTP/1.1\r\n\r\n");
        assert!(sniff(&mut &b""[..]).await.unwrap().is_none());
    }
}
