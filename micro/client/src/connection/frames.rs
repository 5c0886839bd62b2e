//! gRPC's framing: messages behind a prefix of flag and length, written and read.
//!
//! Reading hands out parts of what came, uncopied, but for messages that came in pieces.

use bytes::{Buf, Bytes};
use http::HeaderMap;

use crate::failure::{Failure, Reach};
use micro_core::handler::{Frame, PayloadRef};
use micro_message::codec::Codec;
use micro_message::error::{Error, ErrorKind, Result};
use micro_wire::Compression;

/// Compressed flag and length.
const PREFIX: usize = 5;

/// How the requests of a call are written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Framing {
    pub(crate) codec: Codec,
    /// The longest message.
    pub(crate) limit: usize,
    pub(crate) compression: Option<Compression>,
}

impl Frame for Framing {
    /// Appends a message and its prefix; compressed where that makes it shorter.
    ///
    /// # Errors
    ///
    /// `ResourceExhausted` for a message that is too long; what [`PayloadRef::write`] returns.
    fn frame(&self, payload: PayloadRef<'_>, out: &mut Vec<u8>) -> Result<()> {
        let start = out.len();
        out.extend_from_slice(&[0; PREFIX]);
        payload.write(self.codec, out)?;
        let (body, limit) = (start + PREFIX, self.limit);
        let len = out.len() - body;
        if len > limit {
            return Err(Error::resource_exhausted(format!(
                "the request has {len} bytes, the limit is {limit} (`message_limit`)"
            )));
        }
        if let Some(compression) = self.compression {
            let compressed = compression.compress(&out[body..])?;
            if compressed.len() < len {
                out.truncate(body);
                out.extend_from_slice(&compressed);
                out[start] = 1;
            }
        }
        let Ok(len) = u32::try_from(out.len() - body) else {
            return Err(Error::resource_exhausted(format!(
                "the request has {len} bytes, gRPC allows {}",
                u32::MAX
            )));
        };
        out[start + 1..body].copy_from_slice(&len.to_be_bytes());
        Ok(())
    }
}

/// Takes messages out of the data of a reply.
pub(super) struct Frames {
    /// What has come and is not looked at yet.
    chunk: Bytes,
    /// The beginning of a message that came in pieces, prefix included.
    partial: Vec<u8>,
    /// What the peer says it compresses with.
    encoding: Option<String>,
    limit: usize,
}

impl Frames {
    /// For a reply with this head.
    pub(super) fn new(head: &HeaderMap, limit: usize) -> Self {
        let encoding = head.get("grpc-encoding");
        let encoding = encoding.map(|name| String::from_utf8_lossy(name.as_bytes()).into_owned());
        Self {
            chunk: Bytes::new(),
            partial: Vec::new(),
            encoding: encoding.filter(|name| name != "identity"),
            limit,
        }
    }

    /// Adds what has come; all before must have been taken.
    pub(super) fn push(&mut self, chunk: Bytes) {
        debug_assert!(self.chunk.is_empty(), "something is left");
        self.chunk = chunk;
    }

    /// The next message if it lies there whole and as it was sent, which is usual; else what
    /// [`next`](Self::next) has to look at.
    #[inline]
    pub(super) fn ready(&mut self) -> Option<Bytes> {
        if !self.partial.is_empty() || self.chunk.first() != Some(&0) {
            return None;
        }
        let len = expected(&self.chunk)?;
        if len > self.limit || self.chunk.len() - PREFIX < len {
            return None;
        }
        self.chunk.advance(PREFIX);
        Some(self.chunk.split_to(len))
    }

    /// The next message, as far as it has come. `None`: all that has come was looked at.
    pub(super) fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        if self.partial.is_empty() {
            let whole = match expected(&self.chunk) {
                Some(len) => {
                    self.check(self.chunk[0], len)?;
                    Some(PREFIX + len).filter(|whole| *whole <= self.chunk.len())
                }
                None => None,
            };
            return match whole {
                Some(whole) => {
                    let framed = self.chunk.split_to(whole);
                    self.unpacked(framed).map(Some)
                }
                None => {
                    self.partial.extend_from_slice(&self.chunk);
                    self.chunk = Bytes::new();
                    Ok(None)
                }
            };
        }
        self.piece(PREFIX);
        let Some(len) = expected(&self.partial) else {
            return Ok(None);
        };
        self.check(self.partial[0], len)?;
        self.piece(PREFIX + len);
        if self.partial.len() < PREFIX + len {
            return Ok(None);
        }
        let framed = std::mem::take(&mut self.partial);
        self.unpacked(framed.into()).map(Some)
    }

    /// Whether nothing is left of a message.
    pub(super) fn is_between(&self) -> bool {
        self.chunk.is_empty() && self.partial.is_empty()
    }

    /// Moves bytes to the piece there is, until it has so many.
    fn piece(&mut self, upto: usize) {
        let count = upto.saturating_sub(self.partial.len());
        let part = self.chunk.split_to(count.min(self.chunk.len()));
        self.partial.extend_from_slice(&part);
    }

    /// Looks at a prefix, before anything of its message is kept.
    fn check(&self, flag: u8, len: usize) -> Result<(), Failure> {
        match (flag, &self.encoding) {
            (0, _) | (1, Some(_)) => {}
            (1, None) => {
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
        let limit = self.limit;
        if len > limit {
            let text = format!(
                "the reply's message has {len} bytes, the limit is {limit} (`message_limit`)"
            );
            return Err(answered(ErrorKind::ResourceExhausted, text));
        }
        Ok(())
    }

    /// The message without its prefix, as it was before it was compressed.
    fn unpacked(&self, mut framed: Bytes) -> Result<Bytes, Failure> {
        let compressed = framed[0] == 1;
        framed.advance(PREFIX);
        if !compressed {
            return Ok(framed);
        }
        let name = self.encoding.as_deref().unwrap_or_default();
        let unpacked = Compression::find(name).and_then(|known| match known {
            Some(compression) => compression.decompress(&framed, self.limit).map(Bytes::from),
            None => Ok(framed),
        });
        unpacked.map_err(|error| {
            let kind = match error.kind() {
                kind @ ErrorKind::ResourceExhausted => kind,
                // The method is there, and the request is right.
                _ => ErrorKind::Internal,
            };
            let text = format!("the reply's message: {}", error.message());
            Failure::new(Reach::Answered, Error::new(kind, text).with_source(error))
        })
    }
}

/// The length that the prefix announces.
fn expected(bytes: &[u8]) -> Option<usize> {
    let prefix = bytes.first_chunk::<PREFIX>()?;
    let [_, len @ ..] = *prefix;
    usize::try_from(u32::from_be_bytes(len)).ok()
}

pub(super) fn answered(
    kind: ErrorKind,
    text: impl Into<std::borrow::Cow<'static, str>>,
) -> Failure {
    Failure::new(Reach::Answered, Error::new(kind, text))
}

/// An answer that no gRPC server gives.
pub(super) fn nonsense(text: &'static str) -> Failure {
    answered(ErrorKind::Internal, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framed(message: &[u8]) -> Vec<u8> {
        let len = u32::try_from(message.len()).unwrap();
        [&[0], &len.to_be_bytes()[..], message].concat()
    }

    #[test]
    fn messages_are_found_however_the_bytes_are_cut() {
        let messages: [&[u8]; 5] = [b"", b"a", &[7; 300], b"", b"end"];
        let all: Vec<u8> = messages
            .iter()
            .flat_map(|message| framed(message))
            .collect();
        for size in 1..=all.len() {
            let mut frames = Frames::new(&HeaderMap::new(), 300);
            let mut found = Vec::new();
            for part in all.chunks(size) {
                frames.push(Bytes::copy_from_slice(part));
                while let Some(message) = frames.next().unwrap() {
                    found.push(message);
                }
            }
            assert_eq!(found, messages, "{size}");
            assert!(frames.is_between());
        }
    }

    #[test]
    fn only_a_whole_message_as_it_was_sent_is_ready() {
        let mut frames = Frames::new(&HeaderMap::new(), 3);
        frames.push(Bytes::from(
            [framed(b"one"), framed(b""), framed(b"two")].concat(),
        ));
        assert_eq!(frames.ready().unwrap(), "one");
        assert_eq!(frames.ready().unwrap(), "");
        assert_eq!(frames.next().unwrap().unwrap(), "two");
        assert!(frames.ready().is_none());
        for other in [
            &b"\0\0\0"[..],
            b"\0\0\0\0\x03tw",
            b"\0\0\0\0\x04four",
            b"\x01\0\0\0\0",
        ] {
            let mut frames = Frames::new(&HeaderMap::new(), 3);
            frames.push(Bytes::from_static(other));
            assert!(frames.ready().is_none(), "{other:?}");
        }
    }

    #[test]
    fn whole_messages_are_not_copied() {
        let all = Bytes::from([framed(b"one"), framed(b"two")].concat());
        let mut frames = Frames::new(&HeaderMap::new(), 99);
        frames.push(all.clone());
        for at in [5, 13] {
            let message = frames.next().unwrap().unwrap();
            assert_eq!(message.as_ptr(), all[at..].as_ptr());
        }
    }

    #[test]
    fn prefixes_are_judged_before_anything_is_kept() {
        let refused = |bytes: &'static [u8], limit| {
            let mut frames = Frames::new(&HeaderMap::new(), limit);
            frames.push(Bytes::from_static(bytes));
            frames.next().unwrap_err().error
        };
        let error = refused(b"\0\xff\xff\xff\xff", 10);
        assert_eq!(error.kind(), ErrorKind::ResourceExhausted);
        assert_eq!(refused(b"\x07\0\0\0\0", 10).kind(), ErrorKind::Internal);
        assert_eq!(refused(b"\x01\0\0\0\0", 10).kind(), ErrorKind::Internal);
    }
}
