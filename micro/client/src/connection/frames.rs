//! gRPC's frames as the client has them: requests written, replies read, each within its limit.

use bytes::Bytes;
use http::HeaderMap;

use crate::failure::{Failure, Progress};
use micro_core::handler::{EncodeFrame, PayloadRef};
use micro_message::codec::Codec;
use micro_message::error::{Error, ErrorKind, Result};
use micro_wire::Compression;
use micro_wire::grpc::ENCODING;
use micro_wire::grpc::frame::{COMPRESSED, Decoder, OpenFrame, PLAIN, Prefix};

/// How the requests of a call are written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Framing {
    pub(crate) codec: Codec,
    /// The longest message.
    pub(crate) limit: usize,
    pub(crate) compression: Option<Compression>,
}

impl EncodeFrame for Framing {
    /// Appends a message and its prefix; compressed where that makes it shorter.
    ///
    /// # Errors
    ///
    /// `ResourceExhausted` for a message that is too long; what [`PayloadRef::write`] returns.
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

/// Takes messages out of the data of a reply.
pub(super) struct MessageReader {
    decoder: Decoder,
    /// What the peer says it compresses with.
    encoding: Option<String>,
    limit: usize,
}

impl MessageReader {
    /// For a reply with this head.
    pub(super) fn new(head: &HeaderMap, limit: usize) -> Self {
        let encoding = head.get(ENCODING);
        let encoding = encoding.map(|name| String::from_utf8_lossy(name.as_bytes()).into_owned());
        Self {
            decoder: Decoder::default(),
            encoding: encoding.filter(|name| name != "identity"),
            limit,
        }
    }

    /// Adds what has come; all before must have been taken.
    pub(super) fn push(&mut self, chunk: Bytes) {
        self.decoder.push(chunk);
    }

    /// The next message if it lies there whole and as it was sent, which is usual; else what
    /// [`next`](Self::next) has to look at.
    #[inline]
    pub(super) fn ready(&mut self) -> Option<Bytes> {
        self.decoder.plain(self.limit)
    }

    /// The next message. `None`: all that has come was looked at.
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

    /// The length of a message of which a part has come.
    pub(super) fn begun(&self) -> Option<usize> {
        self.decoder.begun().map(|(length, _)| length)
    }

    /// Whether nothing is left of a message.
    pub(super) fn is_between(&self) -> bool {
        self.decoder.is_between()
    }

    /// Looks at a prefix, before anything of its message is kept.
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

    /// The message as it was before it was compressed.
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
                // The method is there, and the request is right.
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

/// An answer that no gRPC server gives.
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
