//! Frames in a request: a flag, four bytes of length, the message; gRPC, gRPC-Web and Connect's
//! streams share them.
//!
//! Knows nothing of what ends a reply: each protocol has its own way.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use http::HeaderValue;
use http_body::Body;

use crate::config::Limits;
use crate::io::Stall;
use micro_message::error::{Error, Result};
use micro_wire::Compression;

/// Bytes before each message.
pub(super) const PREFIX: usize = 5;

/// The flag of a compressed message.
pub(super) const COMPRESSED: u8 = 1;

/// The flag of the last frame of Connect.
pub(super) const END_STREAM: u8 = 2;

/// The flag of the last frame of gRPC-Web.
pub(super) const TRAILERS: u8 = 0x80;

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
    /// What the caller says its compressed messages are compressed with.
    encoding: Option<HeaderValue>,
}

impl<B> Frames<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    /// Messages of at most `limit` bytes, both as they come and decompressed.
    pub(super) fn new(
        body: B,
        limit: usize,
        limits: &Limits,
        encoding: Option<&HeaderValue>,
    ) -> Self {
        Self {
            body,
            chunk: Bytes::new(),
            prefix: [0; PREFIX],
            prefix_read: 0,
            message: BytesMut::new(),
            limit,
            stall: Stall::new(limits.stall_timeout),
            encoding: encoding.cloned(),
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
            if let Some(message) = self.whole() {
                return Poll::Ready(Ok(Some(message)));
            }
            if let Some(message) = self.take()? {
                let flag = self.prefix[0];
                return Poll::Ready(self.decompressed(flag, message).map(Some));
            }
            let begun = self.prefix_read > 0;
            match Pin::new(&mut self.body).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => {
                    self.stall.progress();
                    // Trailers of a request say nothing.
                    if let Ok(data) = frame.into_data() {
                        self.chunk = data;
                    }
                }
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Err(broken(error))),
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

    /// The next message if it lies there whole and nothing is compressed, which is usual; else
    /// what [`take`](Self::take) has to look at.
    #[inline]
    fn whole(&mut self) -> Option<Bytes> {
        if self.prefix_read > 0 || self.encoding.is_some() {
            return None;
        }
        let [0, length @ ..] = *self.chunk.first_chunk::<PREFIX>()? else {
            return None;
        };
        let length = usize::try_from(u32::from_be_bytes(length)).ok()?;
        if length > self.limit || self.chunk.len() - PREFIX < length {
            return None;
        }
        self.chunk.advance(PREFIX);
        Some(self.chunk.split_to(length))
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
        let (flag, length) = (self.prefix[0], self.length());
        if flag > COMPRESSED {
            return Err(Error::invalid_argument(format!(
                "the body is no message: messages start with 0 or 1, not with {flag}"
            )));
        }
        // A name that is not known is refused even where the message does without.
        let named = self.named()?;
        if flag == COMPRESSED && named.is_none() {
            return Err(unnamed());
        }
        if length > self.limit {
            return Err(too_large(length, self.limit));
        }
        Ok(())
    }

    fn named(&self) -> Result<Option<Compression>> {
        match &self.encoding {
            Some(name) => Compression::find(shown(name)),
            None => Ok(None),
        }
    }

    fn decompressed(&self, flag: u8, message: Bytes) -> Result<Bytes> {
        if flag != COMPRESSED {
            return Ok(message);
        }
        let way = self.named()?.ok_or_else(unnamed)?;
        Ok(way.decompress(&message, self.limit)?.into())
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

/// Appends a frame that is no message.
pub(super) fn write(flag: u8, bytes: &[u8], out: &mut Vec<u8>) {
    // What ends a stream is an error and metadata, never near the limit.
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    out.push(flag);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(bytes);
}

/// A header's value as far as it is text, which the names of compressions are.
fn shown(value: &HeaderValue) -> &str {
    value.to_str().unwrap_or("?")
}

fn unnamed() -> Error {
    Error::internal("a message is flagged as compressed, but no header says with what")
}

/// The error for a message that is refused unread.
pub(super) fn too_large(length: usize, limit: usize) -> Error {
    Error::resource_exhausted(format!(
        "the message takes {length} bytes; this method accepts at most {limit}"
    ))
}

/// The error for a body that cannot be read on: what is wrong with it, or that nobody is there.
pub(super) fn broken(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    let error = match error.into().downcast::<Error>() {
        // What is wrong with the body, said by a layer between.
        Ok(error) => return *error,
        Err(error) => error,
    };
    let cause = error.source().and_then(|cause| cause.downcast_ref());
    let malformed = match cause.map(io::Error::kind) {
        Some(io::ErrorKind::UnexpectedEof) => "the request ends before its body does",
        // Sockets have no such errors; they are those of reading chunks.
        Some(io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData) => {
            "the chunks of the body are malformed"
        }
        _ => {
            let gone = Error::cancelled("the caller went away before its request was complete");
            return gone.with_source(error);
        }
    };
    Error::invalid_argument(malformed).with_source(error)
}
