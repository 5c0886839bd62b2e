//! `Batch`: messages of a stream, framed and gathered into one piece.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use crate::handler::payload::PayloadRef;
use crate::handler::streaming::source::MessageSink;
use micro_message::error::{Error, Result};

/// The most bytes that are gathered from messages that are ready, unless one is longer: what fits
/// into one frame of HTTP/2.
const MAX_BATCH_BYTES: usize = 16 << 10;

/// How long messages are gathered, should each of them take its time.
const MAX_GATHER_TIME: Duration = Duration::from_micros(500);

/// Every how many messages the clock is looked at, but for the first few: it costs as much as
/// making a short message.
const CLOCK_INTERVAL: u32 = 16;

/// How messages are written to a wire.
pub trait EncodeFrame: Send {
    /// Appends a message; what is there of one that fails is taken away again.
    fn frame(&self, message: PayloadRef<'_>, out: &mut Vec<u8>) -> Result<()>;
}

/// A piece of a stream as it grows.
#[derive(Debug)]
pub struct Batch<F> {
    framing: F,
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

impl<F: EncodeFrame> Batch<F> {
    /// An empty piece.
    pub fn new(framing: F) -> Self {
        Self {
            framing,
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
    pub fn take(&mut self) -> (Vec<u8>, Result<()>) {
        // Of a message that failed, or whose encoding panicked, something may be there.
        self.out.truncate(self.whole);
        if self.whole > 0 {
            self.room = self.whole.min(MAX_BATCH_BYTES);
        }
        (self.whole, self.count, self.begun) = (0, 0, None);
        let outcome = self.failed.take().map_or(Ok(()), Err);
        (std::mem::take(&mut self.out), outcome)
    }

    /// Whether another message like the last one would be too much.
    fn is_full(&mut self, last: usize) -> bool {
        self.count += 1;
        let begun = self.begun.get_or_insert_with(Instant::now);
        let look = self.count.is_power_of_two() || self.count.is_multiple_of(CLOCK_INTERVAL);
        self.whole + last > MAX_BATCH_BYTES || look && begun.elapsed() > MAX_GATHER_TIME
    }
}

impl<F: EncodeFrame> MessageSink for Batch<F> {
    fn put(&mut self, message: PayloadRef<'_>) -> ControlFlow<()> {
        if self.out.is_empty() {
            self.out.reserve(message.room().max(self.room));
        }
        if let Err(error) = self.framing.frame(message, &mut self.out) {
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

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;
    use micro_message::codec::Codec;

    /// A byte before each message; those that begin with `e` fail half-way, with `p` panic.
    struct Marked;

    impl EncodeFrame for Marked {
        fn frame(&self, message: PayloadRef<'_>, out: &mut Vec<u8>) -> Result<()> {
            out.push(b'|');
            let start = out.len();
            message.write(Codec::Json, out)?;
            match out[start] {
                b'e' => Err(Error::internal("half-way")),
                b'p' => panic!("half-way"),
                _ => Ok(()),
            }
        }
    }

    fn message(bytes: &[u8]) -> PayloadRef<'_> {
        PayloadRef::Encoded {
            codec: Codec::Json,
            bytes,
        }
    }

    #[test]
    fn a_message_that_fails_leaves_what_was_before_it() {
        let mut batch = Batch::new(Marked);
        assert!(batch.put(message(b"a")).is_continue());
        assert!(batch.put(message(b"e")).is_break());
        let (out, outcome) = batch.take();
        assert_eq!((out, outcome.is_err()), (b"|a".to_vec(), true));
        assert!(batch.put(message(b"b")).is_continue());
        let panicking = AssertUnwindSafe(|| batch.put(message(b"p")));
        assert!(catch_unwind(panicking).is_err());
        let (out, outcome) = batch.take();
        assert_eq!((out, outcome.is_ok()), (b"|b".to_vec(), true));
    }

    #[test]
    fn a_piece_fits_into_a_frame_unless_its_only_message_does_not() {
        let mut batch = Batch::new(Marked);
        let long = [b'a'; 999];
        let count = (1..MAX_BATCH_BYTES).find(|_| batch.put(message(&long)).is_break());
        // How many there are depends on the clock, at most so many.
        assert!(count.unwrap() <= MAX_BATCH_BYTES / 1000);
        assert_eq!(batch.take().0.len(), count.unwrap() * 1000);
        let longer = vec![b'a'; 2 * MAX_BATCH_BYTES];
        assert!(batch.put(message(&longer)).is_break());
        assert_eq!(batch.take().0.len(), 2 * MAX_BATCH_BYTES + 1);
    }
}
