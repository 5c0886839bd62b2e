//! gRPC messages on the client side: encodes requests and decodes responses within their limits.

use bytes::Bytes;
use http::HeaderMap;

use crate::failure::{Failure, Progress};
use micro_core::handler::{EncodeFrame, PayloadRef};
use micro_message::codec::Codec;
use micro_message::error::{Error, ErrorKind, Result};
use micro_wire::Compression;
use micro_wire::grpc::ENCODING;
use micro_wire::grpc::frame::{COMPRESSED, Decoder, OpenFrame, PLAIN, Prefix};

/// How the requests of a call are encoded.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Framing {
    pub(crate) codec: Codec,
    /// Maximum size of a message, in bytes.
    pub(crate) limit: usize,
    pub(crate) compression: Option<Compression>,
}

impl EncodeFrame for Framing {
    /// Appends a message with its prefix. The message is compressed if that makes it shorter.
    ///
    /// # Errors
    ///
    /// Returns `ResourceExhausted` for a message that is too long, and the errors of
    /// [`PayloadRef::write`].
    fn frame(&self, payload: PayloadRef<'_>, out: &mut Vec<u8>) -> Result<()> {
        let limit = self.limit;
        let frame = OpenFrame::begin(out);
        payload.write(self.codec, out)?;
        let len = frame.length(out);
        if len > limit {
            return Err(Error::resource_exhausted(format!(
                "the request has {len} bytes, the limit is {limit} (`max_message_size`)"
            )));
        }
        if let Some(compression) = self.compression {
            frame.compress(compression, out)?;
        }
        frame.close(out).map_err(|len| {
            Error::resource_exhausted(format!(
                "the request has {len} bytes, gRPC allows {}",
                u32::MAX
            ))
        })
    }
}

/// Decodes the messages in the body of a response.
pub(super) struct MessageReader {
    decoder: Decoder,
    /// Name of the peer's compression, from `grpc-encoding`; `None` if there is none.
    encoding: Option<String>,
    limit: usize,
}

impl MessageReader {
    /// Creates a reader for a response with these headers.
    pub(super) fn new(head: &HeaderMap, limit: usize) -> Self {
        let encoding = head.get(ENCODING);
        let encoding = encoding.map(|name| String::from_utf8_lossy(name.as_bytes()).into_owned());
        Self {
            decoder: Decoder::default(),
            encoding: encoding.filter(|name| name != "identity"),
            limit,
        }
    }

    /// Adds a received chunk. All messages of earlier chunks must have been taken.
    pub(super) fn push(&mut self, chunk: Bytes) {
        self.decoder.push(chunk);
    }

    /// Returns the next message if it is complete and not compressed, which is the common case. In
    /// all other cases use [`next`](Self::next).
    #[inline]
    pub(super) fn ready(&mut self) -> Option<Bytes> {
        self.decoder.plain(self.limit)
    }

    /// Returns the next message; `None` if it needs more data.
    pub(super) fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        if let Some(message) = self.ready() {
            return Ok(Some(message));
        }
        let Some(prefix) = self.decoder.prefix() else {
            return Ok(None);
        };
        self.check(prefix)?;
        match self.decoder.message(prefix) {
            Some(message) if prefix.flag == COMPRESSED => self.decompressed(message).map(Some),
            message => Ok(message),
        }
    }

    /// Returns the length of a message that has been received in part.
    pub(super) fn begun(&self) -> Option<usize> {
        self.decoder.begun().map(|(length, _)| length)
    }

    /// Whether no part of a message is buffered.
    pub(super) fn is_between(&self) -> bool {
        self.decoder.is_between()
    }

    /// Validates a prefix before any of its message is buffered.
    fn check(&self, prefix: Prefix) -> Result<(), Failure> {
        match (prefix.flag, &self.encoding) {
            (PLAIN, _) | (COMPRESSED, Some(_)) => {}
            (COMPRESSED, None) => {
                return Err(nonsense(
                    "the reply's message is compressed, which was not asked for",
                ));
            }
            _ => {
                return Err(nonsense(
                    "the reply is not gRPC: a message starts with 0 or 1",
                ));
            }
        }
        let (len, limit) = (prefix.length, self.limit);
        if len > limit {
            let text = format!(
                "the reply's message has {len} bytes, the limit is {limit} (`max_message_size`)"
            );
            return Err(answered(ErrorKind::ResourceExhausted, text));
        }
        Ok(())
    }

    /// Decompresses a message.
    fn decompressed(&self, message: Bytes) -> Result<Bytes, Failure> {
        let name = self.encoding.as_deref().unwrap_or_default();
        let unpacked = Compression::find(name).and_then(|known| match known {
            Some(compression) => compression
                .decompress(&message, self.limit)
                .map(Bytes::from),
            None => Ok(message),
        });
        unpacked.map_err(|error| {
            let kind = match error.kind() {
                kind @ ErrorKind::ResourceExhausted => kind,
                // The response is at fault. Other kinds would blame the method or the request.
                _ => ErrorKind::Internal,
            };
            let text = format!("the reply's message: {}", error.message());
            Failure::new(
                Progress::Answered,
                Error::new(kind, text).with_source(error),
            )
        })
    }
}

pub(super) fn answered(
    kind: ErrorKind,
    text: impl Into<std::borrow::Cow<'static, str>>,
) -> Failure {
    Failure::new(Progress::Answered, Error::new(kind, text))
}

/// Creates the error for a response that violates gRPC.
pub(super) fn nonsense(text: &'static str) -> Failure {
    answered(ErrorKind::Internal, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_are_judged_before_anything_is_kept() {
        let refused = |bytes: &'static [u8], limit| {
            let mut frames = MessageReader::new(&HeaderMap::new(), limit);
            frames.push(Bytes::from_static(bytes));
            frames.next().unwrap_err().error
        };
        let error = refused(b"\0\xff\xff\xff\xff", 10);
        assert_eq!(error.kind(), ErrorKind::ResourceExhausted);
        assert_eq!(refused(b"\x07\0\0\0\0", 10).kind(), ErrorKind::Internal);
        assert_eq!(refused(b"\x01\0\0\0\0", 10).kind(), ErrorKind::Internal);
    }
}
