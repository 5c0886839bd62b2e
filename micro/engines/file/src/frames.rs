//! Reads the frames of a segment one after another, in chunks.
//!
//! The reader ends at the first bytes that are not a valid frame. The caller decides whether these
//! are damage.

use std::fs;
use std::io::{self, Read};
use std::sync::atomic::Ordering;

use crate::frame::{self, Frame};
use crate::segment::Segment;
use micro_message::error::Result;

/// Reads the frames of a segment in chunks.
pub(super) struct FrameReader {
    file: fs::File,
    bytes: Vec<u8>,
    /// Number of bytes of `bytes` that have been consumed.
    done: usize,
    /// Number of bytes of the segment that have not been read into `bytes`.
    left: u64,
}

impl FrameReader {
    pub(super) fn open(segment: &Segment, position: u64) -> Result<Self> {
        let length = segment.length.load(Ordering::Acquire);
        Ok(Self {
            file: segment.open(position)?,
            bytes: Vec::new(),
            done: 0,
            left: length.saturating_sub(position),
        })
    }

    /// Returns the next frame; `None` at the end of the segment and before bytes that are not a
    /// valid frame.
    pub(super) fn next(&mut self) -> io::Result<Option<Frame<'_>>> {
        self.fill(frame::FRAME_HEAD)?;
        if let Some(length) = frame::length(&self.bytes[self.done..]) {
            self.fill(length)?;
        }
        let found = frame::read(&self.bytes[self.done..]);
        self.done += found.map_or(0, |frame| frame.length);
        Ok(found)
    }

    /// Fills the buffer to at least `wanted` unconsumed bytes, if the segment has as many.
    fn fill(&mut self, wanted: usize) -> io::Result<()> {
        const READ_CHUNK: usize = 64 << 10;
        let have = self.bytes.len() - self.done;
        if have >= wanted || self.left == 0 {
            return Ok(());
        }
        self.bytes.drain(..self.done);
        self.done = 0;
        let more = (wanted.max(READ_CHUNK) - have) as u64;
        let more = more.min(self.left);
        let read = (&mut self.file).take(more).read_to_end(&mut self.bytes)?;
        // The file is shorter than expected, so this is its end.
        self.left = if (read as u64) < more {
            0
        } else {
            self.left - more
        };
        Ok(())
    }
}
