//! Reads frames from a segment one after the other, in pieces.
//!
//! Ends at what is no frame; what that means is for others to say.

use std::fs;
use std::io::{self, Read};
use std::sync::atomic::Ordering;

use crate::frame::{self, Frame};
use crate::segment::Segment;
use micro_message::error::Result;

/// Reads frames from a segment, in pieces.
pub(super) struct FrameReader {
    file: fs::File,
    bytes: Vec<u8>,
    /// What of `bytes` has been read.
    done: usize,
    /// Bytes of the segment that are left to read.
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

    /// The next frame; none when what comes is no frame, or nothing comes.
    pub(super) fn next(&mut self) -> io::Result<Option<Frame<'_>>> {
        self.fill(frame::FRAME_HEAD)?;
        if let Some(length) = frame::length(&self.bytes[self.done..]) {
            self.fill(length)?;
        }
        let found = frame::read(&self.bytes[self.done..]);
        self.done += found.map_or(0, |frame| frame.length);
        Ok(found)
    }

    /// Has so many bytes at hand, if there are so many.
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
        // A file that has become shorter ends here.
        self.left = if (read as u64) < more {
            0
        } else {
            self.left - more
        };
        Ok(())
    }
}
