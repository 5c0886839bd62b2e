//! Frames: a flag, four bytes of length, the message. gRPC-Web and Connect's streams have the same.
//!
//! Takes frames apart and puts them together. Which flags and lengths are acceptable is for the
//! caller to decide, as soon as a prefix is there.

use bytes::{Buf, Bytes, BytesMut};

use crate::Compression;
use micro_message::error::Result;

/// Bytes before each message: the flag and the length.
pub const PREFIX: usize = 5;

/// The flag of a message as it is.
pub const PLAIN: u8 = 0;

/// The flag of a compressed message.
pub const COMPRESSED: u8 = 1;

/// Most memory that is taken on the mere announcement of a message.
const TRUSTED: usize = 64 << 10;

/// What stands before a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prefix {
    /// Whether the message is compressed; gRPC-Web marks its trailers here as well.
    pub flag: u8,
    /// Of the message as it is sent, perhaps compressed.
    pub length: usize,
}

impl Prefix {
    fn parse([flag, length @ ..]: [u8; PREFIX]) -> Self {
        Self {
            flag,
            length: usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX),
        }
    }
}

/// Takes messages out of data that comes in pieces. A message that lies within one piece is not
/// copied.
///
/// The caller [pushes](Self::push) a piece, then asks in turn for the [prefix](Self::prefix), which
/// it judges, and the [message](Self::message), until either is missing: then all of the piece was
/// used.
#[derive(Debug, Default)]
pub struct Decoder {
    /// Received and not yet read.
    chunk: Bytes,
    /// The prefix as far as it has come.
    prefix: [u8; PREFIX],
    prefix_read: usize,
    /// The message as far as it has come, when it is spread over several pieces.
    message: BytesMut,
}

impl Decoder {
    /// Adds a piece; all of the last one must have been used.
    pub fn push(&mut self, chunk: Bytes) {
        debug_assert!(self.chunk.is_empty(), "something is left");
        self.chunk = chunk;
    }

    /// The next message if all of it lies there, not compressed and at most `limit` bytes long:
    /// the usual case, without a detour.
    #[inline]
    pub fn plain(&mut self, limit: usize) -> Option<Bytes> {
        if self.prefix_read > 0 {
            return None;
        }
        let prefix = Prefix::parse(*self.chunk.first_chunk()?);
        if prefix.flag != PLAIN
            || prefix.length > limit
            || self.chunk.len() - PREFIX < prefix.length
        {
            return None;
        }
        self.chunk.advance(PREFIX);
        Some(self.chunk.split_to(prefix.length))
    }

    /// The prefix of the message at hand; `None` until all of it has come.
    pub fn prefix(&mut self) -> Option<Prefix> {
        if self.prefix_read < PREFIX {
            let count = self.chunk.len().min(PREFIX - self.prefix_read);
            let end = self.prefix_read + count;
            self.chunk
                .copy_to_slice(&mut self.prefix[self.prefix_read..end]);
            self.prefix_read = end;
        }
        (self.prefix_read == PREFIX).then(|| Prefix::parse(self.prefix))
    }

    /// The message behind that prefix; `None` until all of it has come.
    pub fn message(&mut self, prefix: Prefix) -> Option<Bytes> {
        let length = prefix.length;
        if self.message.is_empty() && self.chunk.len() >= length {
            self.prefix_read = 0;
            return Some(self.chunk.split_to(length));
        }
        if self.message.capacity() == 0 {
            self.message.reserve(length.min(TRUSTED));
        }
        let count = self.chunk.len().min(length - self.message.len());
        self.message.extend_from_slice(&self.chunk[..count]);
        self.chunk.advance(count);
        if self.message.len() < length {
            return None;
        }
        self.prefix_read = 0;
        Some(std::mem::take(&mut self.message).freeze())
    }

    /// Whether nothing is left of a message.
    pub fn is_between(&self) -> bool {
        self.chunk.is_empty() && self.prefix_read == 0
    }

    /// Length of the message at hand that is spread over several pieces, and how much of it is
    /// here; `None` when there is none.
    pub fn begun(&self) -> Option<(usize, usize)> {
        let length = (self.prefix_read == PREFIX).then(|| Prefix::parse(self.prefix).length)?;
        Some((length, self.message.len()))
    }

    /// How far the message at hand has come, to follow "ends after".
    pub fn progress(&self) -> String {
        if self.prefix_read < PREFIX {
            let read = self.prefix_read;
            return format!("{read} of the {PREFIX} bytes before a message");
        }
        let (read, length) = (self.message.len(), Prefix::parse(self.prefix).length);
        format!("{read} of the {length} bytes of a message")
    }
}

/// A frame whose message is being appended to a buffer.
#[derive(Debug, Clone, Copy)]
#[must_use = "the prefix is written by `close`"]
pub struct OpenFrame {
    /// Where the frame begins.
    start: usize,
}

impl OpenFrame {
    /// Begins a frame; the message is appended next.
    #[inline]
    pub fn begin(out: &mut Vec<u8>) -> Self {
        let start = out.len();
        out.extend_from_slice(&[PLAIN; PREFIX]);
        Self { start }
    }

    /// Length of the message so far.
    #[inline]
    pub fn length(self, out: &[u8]) -> usize {
        out.len() - self.start - PREFIX
    }

    /// Compresses the message where that makes it shorter.
    pub fn compress(self, way: Compression, out: &mut Vec<u8>) -> Result<()> {
        let body = self.start + PREFIX;
        let small = way.compress(&out[body..])?;
        if small.len() < out.len() - body {
            out.truncate(body);
            out.extend_from_slice(&small);
            out[self.start] = COMPRESSED;
        }
        Ok(())
    }

    /// Writes the prefix.
    ///
    /// # Errors
    ///
    /// The length, when it does not fit into a prefix.
    #[inline]
    pub fn close(self, out: &mut [u8]) -> Result<(), usize> {
        let length = self.length(out);
        let prefix = u32::try_from(length).map_err(|_| length)?;
        out[self.start + 1..self.start + PREFIX].copy_from_slice(&prefix.to_be_bytes());
        Ok(())
    }
}

/// Appends a whole frame that is not a message: what ends a stream of gRPC-Web or Connect.
pub fn write(flag: u8, bytes: &[u8], out: &mut Vec<u8>) {
    // An error and metadata: never near the limit.
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    out.push(flag);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framed(message: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let frame = OpenFrame::begin(&mut out);
        out.extend_from_slice(message);
        assert_eq!(frame.length(&out), message.len());
        frame.close(&mut out).unwrap();
        out
    }

    fn next(decoder: &mut Decoder) -> Option<Bytes> {
        let prefix = decoder.prefix()?;
        decoder.message(prefix)
    }

    #[test]
    fn frames_are_a_flag_a_length_and_the_message() {
        assert_eq!(framed(b"hi"), b"\0\0\0\0\x02hi");
        let mut out = b"before".to_vec();
        write(2, b"end", &mut out);
        assert_eq!(out, b"before\x02\0\0\0\x03end");
    }

    #[test]
    fn messages_are_found_however_the_bytes_are_cut() {
        let messages: [&[u8]; 5] = [b"", b"a", &[7; 300], b"", b"end"];
        let all: Vec<u8> = messages
            .iter()
            .flat_map(|message| framed(message))
            .collect();
        for size in 1..=all.len() {
            let mut decoder = Decoder::default();
            let mut found = Vec::new();
            for part in all.chunks(size) {
                decoder.push(Bytes::copy_from_slice(part));
                while let Some(message) = next(&mut decoder) {
                    found.push(message);
                }
            }
            assert_eq!(found, messages, "{size}");
            assert!(decoder.is_between());
        }
    }

    #[test]
    fn only_a_whole_message_as_it_was_sent_is_taken_without_a_detour() {
        let mut decoder = Decoder::default();
        decoder.push(
            [framed(b"one"), framed(b""), framed(b"two")]
                .concat()
                .into(),
        );
        assert_eq!(decoder.plain(3).unwrap(), "one");
        assert_eq!(decoder.plain(3).unwrap(), "");
        assert_eq!(next(&mut decoder).unwrap(), "two");
        assert!(decoder.plain(3).is_none());
        for other in [
            &b"\0\0\0"[..],
            b"\0\0\0\0\x03tw",
            b"\0\0\0\0\x04four",
            b"\x01\0\0\0\0",
        ] {
            let mut decoder = Decoder::default();
            decoder.push(Bytes::from_static(other));
            assert!(decoder.plain(3).is_none(), "{other:?}");
        }
    }

    #[test]
    fn whole_messages_are_not_copied() {
        let all = Bytes::from([framed(b"one"), framed(b"two")].concat());
        let mut decoder = Decoder::default();
        decoder.push(all.clone());
        for at in [5, 13] {
            let message = next(&mut decoder).unwrap();
            assert_eq!(message.as_ptr(), all[at..].as_ptr());
        }
    }

    #[test]
    fn announced_lengths_take_no_memory() {
        let mut decoder = Decoder::default();
        decoder.push(Bytes::from_static(b"\0\xff\xff\xff\xffabc"));
        let prefix = decoder.prefix().unwrap();
        assert_eq!(prefix.length, u32::MAX as usize);
        assert!(decoder.message(prefix).is_none());
        assert!(decoder.message.capacity() <= 2 * TRUSTED);
        assert_eq!(decoder.progress(), "3 of the 4294967295 bytes of a message");
    }
}
