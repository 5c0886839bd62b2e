//! `Batch`: collects several encoded messages of a stream in one buffer.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use crate::handler::payload::PayloadRef;
use crate::handler::streaming::source::MessageSink;
use micro_message::error::{Error, Result};

/// Maximum size of a batch in bytes, unless a single message is longer. A batch of this size fits
/// into one HTTP/2 frame.
const MAX_BATCH_BYTES: usize = 16 << 10;

/// Maximum time for collecting messages, for streams that take long to produce each message.
const MAX_GATHER_TIME: Duration = Duration::from_micros(500);

/// Number of messages between two readings of the clock, except for the first few messages. A
/// reading costs as much as producing a short message.
const CLOCK_INTERVAL: u32 = 16;

/// Encodes messages with the framing of a protocol.
pub trait EncodeFrame: Send {
    /// Appends a message. If it fails, the batch removes the incomplete message from `out`.
    fn frame(&self, message: PayloadRef<'_>, out: &mut Vec<u8>) -> Result<()>;
}

/// A buffer of complete encoded messages.
#[derive(Debug)]
pub struct Batch<F> {
    framing: F,
    out: Vec<u8>,
    /// Length of the complete messages in `out`, in bytes.
    whole: usize,
    /// Length of the previous batch. The next one is likely to be as long.
    room: usize,
    /// Number of messages in the batch. `begun` is the time of the first one.
    count: u32,
    begun: Option<Instant>,
    failed: Option<Error>,
}

impl<F: EncodeFrame> Batch<F> {
    /// Creates an empty batch.
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

    /// Returns the collected messages and empties the batch.
    ///
    /// The other value is the error of the message that followed them, if it failed.
    pub fn take(&mut self) -> (Vec<u8>, Result<()>) {
        // A message that failed, or whose encoding panicked, may have left bytes behind.
        self.out.truncate(self.whole);
        if self.whole > 0 {
            self.room = self.whole.min(MAX_BATCH_BYTES);
        }
        (self.whole, self.count, self.begun) = (0, 0, None);
        let outcome = self.failed.take().map_or(Ok(()), Err);
        (std::mem::take(&mut self.out), outcome)
    }

    /// Whether another message of the size `last` would exceed a limit.
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

    /// Writes a byte before each message. Messages that begin with `e` fail half-way, and messages
    /// that begin with `p` panic.
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
        // The count depends on the clock, up to this maximum.
        assert!(count.unwrap() <= MAX_BATCH_BYTES / 1000);
        assert_eq!(batch.take().0.len(), count.unwrap() * 1000);
        let longer = vec![b'a'; 2 * MAX_BATCH_BYTES];
        assert!(batch.put(message(&longer)).is_break());
        assert_eq!(batch.take().0.len(), 2 * MAX_BATCH_BYTES + 1);
    }
}
