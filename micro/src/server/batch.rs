//! `Batch`: messages of a streaming reply, framed and gathered into one piece.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::handler::{MethodInfo, PayloadRef, Sink};
use crate::server::messages::Framing;
use crate::server::writer::Writer;

/// The most bytes that are gathered from messages that are ready, unless one is longer: what fits
/// into one frame of HTTP/2.
const PIECE: usize = 16 << 10;

/// How long messages are gathered, should each of them take its time.
const GATHERING: Duration = Duration::from_micros(500);

/// Every how many messages the clock is looked at, but for the first few: it costs as much as
/// making a short message.
const LOOK: u32 = 16;

/// A piece of a reply as it grows.
pub(super) struct Batch {
    writer: Writer,
    framing: Framing,
    method: Arc<MethodInfo>,
    out: Vec<u8>,
    /// How many bytes of `out` are whole messages.
    whole: usize,
    /// The length of the last piece: the next is likely to be as long.
    room: usize,
    /// How many messages there are, and since when.
    count: u32,
    begun: Option<Instant>,
    failed: Option<Error>,
}

impl Batch {
    pub(super) fn new(writer: Writer, framing: Framing, method: Arc<MethodInfo>) -> Self {
        Self {
            writer,
            framing,
            method,
            out: Vec::new(),
            whole: 0,
            room: 0,
            count: 0,
            begun: None,
            failed: None,
        }
    }

    /// Takes what was gathered.
    ///
    /// The other value is what was wrong with the message after it, should anything be.
    pub(super) fn take(&mut self) -> (Vec<u8>, Result<()>) {
        // A message whose encoding panicked is there by half.
        self.out.truncate(self.whole);
        self.room = self.whole.min(PIECE);
        (self.whole, self.count, self.begun) = (0, 0, None);
        let outcome = self.failed.take().map_or(Ok(()), Err);
        (std::mem::take(&mut self.out), outcome)
    }

    /// Whether another message like the last one would be too much.
    fn is_full(&mut self, last: usize) -> bool {
        self.count += 1;
        let begun = self.begun.get_or_insert_with(Instant::now);
        let look = self.count.is_power_of_two() || self.count.is_multiple_of(LOOK);
        self.whole + last > PIECE || look && begun.elapsed() > GATHERING
    }
}

impl Sink for Batch {
    fn put(&mut self, message: PayloadRef<'_>) -> ControlFlow<()> {
        if self.out.is_empty() {
            self.out.reserve(Writer::room(message).max(self.room));
        }
        let path = &self.method.path;
        let framed = self
            .framing
            .message(&self.writer, message, path, &mut self.out);
        if let Err(error) = framed {
            self.failed = Some(error);
            return ControlFlow::Break(());
        }
        let last = self.out.len() - self.whole;
        self.whole = self.out.len();
        if self.is_full(last) {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }
}
