//! Frames of gRPC in a request: a flag, four bytes of length, the message.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use http_body::Body;

use crate::error::{Error, Result};
use crate::server::config::Limits;
use crate::server::io::Stall;

/// Bytes before each message.
pub(super) const PREFIX: usize = 5;

/// Most memory that is taken on the mere announcement of a message.
const TRUSTED: usize = 64 << 10;

/// The messages of a request, in order.
#[derive(Debug)]
pub(super) struct Frames<B> {
    body: B,
    /// Received and not yet read.
    chunk: Bytes,
    /// The prefix as far as it has come.
    prefix: [u8; PREFIX],
    prefix_read: usize,
    /// The message as far as it has come, when it is spread over several chunks.
    message: BytesMut,
    limit: usize,
    stall: Stall,
    /// What the caller says its compressed messages are encoded in.
    encoding: Option<String>,
}

impl<B> Frames<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    pub(super) fn new(body: B, limits: &Limits, encoding: Option<String>) -> Self {
        Self {
            body,
            chunk: Bytes::new(),
            prefix: [0; PREFIX],
            prefix_read: 0,
            message: BytesMut::new(),
            limit: limits.message,
            stall: Stall::new(limits.stall_timeout),
            encoding,
        }
    }

    /// The next message; `None` after the last.
    ///
    /// `patient` waits for its beginning as long as it takes; one that has begun has to go on.
    pub(super) fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
        patient: bool,
    ) -> Poll<Result<Option<Bytes>>> {
        loop {
            if let Some(message) = self.take()? {
                return Poll::Ready(Ok(Some(message)));
            }
            let begun = self.prefix_read > 0;
            match Pin::new(&mut self.body).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => {
                    self.stall.progress();
                    // Trailers of a request say nothing in gRPC.
                    if let Ok(data) = frame.into_data() {
                        self.chunk = data;
                    }
                }
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Err(gone(error))),
                Poll::Ready(None) if begun => return Poll::Ready(Err(self.truncated())),
                Poll::Ready(None) => return Poll::Ready(Ok(None)),
                Poll::Pending if patient && !begun => return Poll::Pending,
                Poll::Pending => {
                    let timeout = ready!(self.stall.poll(cx));
                    return Poll::Ready(Err(Error::deadline_exceeded(format!(
                        "the request made no progress for {timeout:?}"
                    ))));
                }
            }
        }
    }

    /// The next message, as far as chunks have come.
    fn take(&mut self) -> Result<Option<Bytes>> {
        if self.prefix_read < PREFIX {
            let count = self.chunk.len().min(PREFIX - self.prefix_read);
            let end = self.prefix_read + count;
            self.chunk
                .copy_to_slice(&mut self.prefix[self.prefix_read..end]);
            self.prefix_read = end;
            if end < PREFIX {
                return Ok(None);
            }
            self.check()?;
        }
        let length = self.length();
        if self.message.is_empty() && self.chunk.len() >= length {
            self.prefix_read = 0;
            return Ok(Some(self.chunk.split_to(length)));
        }
        if self.message.capacity() == 0 {
            self.message.reserve(length.min(TRUSTED));
        }
        let count = self.chunk.len().min(length - self.message.len());
        self.message.extend_from_slice(&self.chunk[..count]);
        self.chunk.advance(count);
        if self.message.len() < length {
            return Ok(None);
        }
        self.prefix_read = 0;
        Ok(Some(std::mem::take(&mut self.message).freeze()))
    }

    fn length(&self) -> usize {
        let [_, length @ ..] = self.prefix;
        usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX)
    }

    /// Looks at a prefix before anything of its message is kept.
    fn check(&self) -> Result<()> {
        let (flag, length, limit) = (self.prefix[0], self.length(), self.limit);
        match (flag, &self.encoding) {
            (0, _) => {}
            (1, Some(encoding)) => {
                return Err(Error::unimplemented(format!(
                    "the message is compressed with `{}`; this server accepts `identity`",
                    encoding.escape_debug()
                )));
            }
            (1, None) => {
                return Err(Error::internal(
                    "the message is flagged as compressed but `grpc-encoding` is missing",
                ));
            }
            _ => {
                return Err(Error::invalid_argument(format!(
                    "the body is not gRPC: a message starts with 0 or 1, not with {flag}"
                )));
            }
        }
        if length > limit {
            return Err(Error::resource_exhausted(format!(
                "the message takes {length} bytes; this server accepts at most {limit}"
            )));
        }
        Ok(())
    }

    fn truncated(&self) -> Error {
        if self.prefix_read < PREFIX {
            let read = self.prefix_read;
            return Error::invalid_argument(format!(
                "the request ends after {read} of the {PREFIX} bytes before a message"
            ));
        }
        let (read, length) = (self.message.len(), self.length());
        Error::invalid_argument(format!(
            "the request ends after {read} of the {length} bytes of a message"
        ))
    }
}

/// The error for a request whose connection or stream has broken.
pub(in crate::server) fn gone(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::cancelled("the caller went away before its request was complete").with_source(error)
}
