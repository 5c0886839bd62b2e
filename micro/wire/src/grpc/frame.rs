//! Message frames: a flag, four bytes of length, the message. gRPC-Web and Connect's streams use
//! the same format.
//!
//! This module splits and builds frames. The caller decides which flags and lengths are acceptable,
//! as soon as a prefix was received.

use bytes::{Buf, Bytes, BytesMut};

use crate::Compression;
use micro_message::error::Result;

/// Length of the prefix of each message: one byte of flag and four bytes of length.
pub const PREFIX_LEN: usize = 5;

/// The flag of an uncompressed message.
pub const PLAIN: u8 = 0;

/// The flag of a compressed message.
pub const COMPRESSED: u8 = 1;

/// Maximum number of bytes reserved for a message before its content arrives. 64 KiB.
const MAX_RESERVE: usize = 64 << 10;

/// The prefix of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prefix {
    /// The flag byte: whether the message is compressed. gRPC-Web marks its trailers here as well.
    pub flag: u8,
    /// Length of the message as sent, which may be compressed.
    pub length: usize,
}

impl Prefix {
    fn parse([flag, length @ ..]: [u8; PREFIX_LEN]) -> Self {
        Self {
            flag,
            length: usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX),
        }
    }
}

/// Reads messages out of data that arrives in chunks. A message that is contained in one chunk is
/// not copied.
///
/// The caller [pushes](Self::push) a chunk. Then it takes the [prefix](Self::prefix), which it
/// checks, and the [message](Self::message), in turn, until either returns `None`. The chunk is
/// used up then.
#[derive(Debug, Default)]
pub struct Decoder {
    /// Bytes received and not yet read.
    chunk: Bytes,
    /// The part of the prefix received so far.
    prefix: [u8; PREFIX_LEN],
    prefix_read: usize,
    /// The part of the message received so far, when it is spread over several chunks.
    message: BytesMut,
}

impl Decoder {
    /// Adds a chunk. The previous chunk must be used up.
    pub fn push(&mut self, chunk: Bytes) {
        debug_assert!(self.chunk.is_empty(), "the previous chunk is not used up");
        self.chunk = chunk;
    }

    /// Returns the next message if it is complete, uncompressed and at most `limit` bytes long.
    /// This is the fast path for the usual case.
    #[inline]
    pub fn plain(&mut self, limit: usize) -> Option<Bytes> {
        if self.prefix_read > 0 {
            return None;
        }
        let prefix = Prefix::parse(*self.chunk.first_chunk()?);
        if prefix.flag != PLAIN
            || prefix.length > limit
            || self.chunk.len() - PREFIX_LEN < prefix.length
        {
            return None;
        }
        self.chunk.advance(PREFIX_LEN);
        Some(self.chunk.split_to(prefix.length))
    }

    /// Returns the prefix of the current message, or `None` until all of it was received.
    pub fn prefix(&mut self) -> Option<Prefix> {
        if self.prefix_read < PREFIX_LEN {
            let count = self.chunk.len().min(PREFIX_LEN - self.prefix_read);
            let end = self.prefix_read + count;
            self.chunk
                .copy_to_slice(&mut self.prefix[self.prefix_read..end]);
            self.prefix_read = end;
        }
        (self.prefix_read == PREFIX_LEN).then(|| Prefix::parse(self.prefix))
    }

    /// Returns the message that follows this prefix, or `None` until all of it was received.
    pub fn message(&mut self, prefix: Prefix) -> Option<Bytes> {
        let length = prefix.length;
        if self.message.is_empty() && self.chunk.len() >= length {
            self.prefix_read = 0;
            return Some(self.chunk.split_to(length));
        }
        if self.message.capacity() == 0 {
            self.message.reserve(length.min(MAX_RESERVE));
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

    /// Whether the received data ends at the end of a message.
    pub fn is_between(&self) -> bool {
        self.chunk.is_empty() && self.prefix_read == 0
    }

    /// Length of the current message if it arrives in several pieces, and how much of it was
    /// received; `None` between messages.
    pub fn begun(&self) -> Option<(usize, usize)> {
        let length = (self.prefix_read == PREFIX_LEN).then(|| Prefix::parse(self.prefix).length)?;
        Some((length, self.message.len()))
    }

    /// How much of the current message was received, as a text that follows "ends after".
    pub fn progress(&self) -> String {
        if self.prefix_read < PREFIX_LEN {
            let read = self.prefix_read;
            return format!("{read} of the {PREFIX_LEN} bytes before a message");
        }
        let (read, length) = (self.message.len(), Prefix::parse(self.prefix).length);
        format!("{read} of the {length} bytes of a message")
    }
}

/// A frame whose message is being appended to a buffer.
#[derive(Debug, Clone, Copy)]
#[must_use = "the prefix is written by `close`"]
pub struct OpenFrame {
    /// Offset of the frame in the buffer.
    start: usize,
}

impl OpenFrame {
    /// Begins a frame. The caller appends the message next.
    #[inline]
    pub fn begin(out: &mut Vec<u8>) -> Self {
        let start = out.len();
        out.extend_from_slice(&[PLAIN; PREFIX_LEN]);
        Self { start }
    }

    /// Length of the message so far.
    #[inline]
    pub fn length(self, out: &[u8]) -> usize {
        out.len() - self.start - PREFIX_LEN
    }

    /// Compresses the message if that makes it shorter.
    pub fn compress(self, way: Compression, out: &mut Vec<u8>) -> Result<()> {
        let body = self.start + PREFIX_LEN;
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
    /// Returns the length as the error when it does not fit into a prefix.
    #[inline]
    pub fn close(self, out: &mut [u8]) -> Result<(), usize> {
        let length = self.length(out);
        let prefix = u32::try_from(length).map_err(|_| length)?;
        out[self.start + 1..self.start + PREFIX_LEN].copy_from_slice(&prefix.to_be_bytes());
        Ok(())
    }
}

/// Appends a complete frame that is not a message, such as the one that ends a stream of gRPC-Web
/// or Connect.
pub fn write(flag: u8, bytes: &[u8], out: &mut Vec<u8>) {
    // The bytes are an error and metadata, which are never near the limit.
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
    fn messages_are_read_however_the_bytes_are_split() {
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
    fn only_a_whole_uncompressed_message_takes_the_fast_path() {
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
    fn announced_lengths_do_not_allocate() {
        let mut decoder = Decoder::default();
        decoder.push(Bytes::from_static(b"\0\xff\xff\xff\xffabc"));
        let prefix = decoder.prefix().unwrap();
        assert_eq!(prefix.length, u32::MAX as usize);
        assert!(decoder.message(prefix).is_none());
        assert!(decoder.message.capacity() <= 2 * MAX_RESERVE);
        assert_eq!(decoder.progress(), "3 of the 4294967295 bytes of a message");
    }
}
