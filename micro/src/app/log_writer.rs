//! Standard error, as the log of `run!` writes to it: at once, except for the lines of the access
//! log about calls that succeed.
//!
//! These lines are written in blocks, because a system call per call would cost more than the rest
//! of the line. Every other line first writes the block, so the order is kept.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, Thread};
use std::time::Duration;

use tracing::{Level, Metadata};
use tracing_subscriber::fmt::MakeWriter;

use crate::error::{OrError, Result};

/// Size of a block from which it is written, in bytes.
const BLOCK: usize = 32 << 10;
/// Maximum time that a line stays in the block.
const FLUSH_INTERVAL: Duration = Duration::from_millis(100);

/// Creates the writers of single lines.
#[derive(Debug, Clone, Default)]
pub(super) struct LogWriter(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    block: Mutex<Block>,
    is_stopped: AtomicBool,
}

#[derive(Debug, Default)]
struct Block {
    bytes: Vec<u8>,
    /// The thread that writes blocks that do not fill. `None` until it has started: every line is
    /// then written at once.
    flusher: Option<Thread>,
}

impl LogWriter {
    /// Starts to write the lines of the access log in blocks, until the returned guard is dropped.
    ///
    /// # Errors
    ///
    /// Fails if the system has no room for a thread.
    pub(super) fn start_blocks(&self) -> Result<FlushGuard> {
        let shared = Arc::clone(&self.0);
        let flusher = thread::Builder::new()
            .name("micro-log".to_owned())
            .spawn(move || shared.flush_until_stopped())
            .or_internal("cannot start the thread of the log")?;
        self.0.block().flusher = Some(flusher.thread().clone());
        Ok(FlushGuard(Arc::clone(&self.0)))
    }
}

/// Writes what is left and ends the thread when dropped.
#[derive(Debug)]
pub(super) struct FlushGuard(Arc<Shared>);

impl Drop for FlushGuard {
    fn drop(&mut self) {
        self.0.is_stopped.store(true, Ordering::Relaxed);
        let flusher = {
            let mut block = self.0.block();
            block.write();
            block.flusher.take()
        };
        if let Some(flusher) = flusher {
            flusher.unpark();
        }
    }
}

impl Shared {
    fn block(&self) -> MutexGuard<'_, Block> {
        // A panic leaves at most a part of a line behind.
        self.block.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes blocks after [`FLUSH_INTERVAL`]. Sleeps while no line is waiting.
    fn flush_until_stopped(&self) {
        while !self.is_stopped.load(Ordering::Relaxed) {
            if self.block().bytes.is_empty() {
                thread::park();
            } else {
                thread::sleep(FLUSH_INTERVAL);
                self.block().write();
            }
        }
    }
}

impl Block {
    fn write(&mut self) {
        // If standard error is closed, the log cannot be written.
        let _ = io::stderr().lock().write_all(&self.bytes);
        self.bytes.clear();
    }
}

/// Writes one line.
#[derive(Debug)]
pub(super) struct LineWriter<'a> {
    shared: &'a Shared,
    /// Whether the line may wait for others.
    may_wait: bool,
}

impl Write for LineWriter<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut block = self.shared.block();
        let was_empty = block.bytes.is_empty();
        block.bytes.extend_from_slice(line);
        match &block.flusher {
            Some(flusher) if self.may_wait && block.bytes.len() < BLOCK => {
                if was_empty {
                    flusher.unpark();
                }
            }
            _ => block.write(),
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for LogWriter {
    type Writer = LineWriter<'a>;

    fn make_writer(&'a self) -> LineWriter<'a> {
        LineWriter {
            shared: &self.0,
            may_wait: false,
        }
    }

    fn make_writer_for(&'a self, line: &Metadata<'_>) -> LineWriter<'a> {
        LineWriter {
            shared: &self.0,
            may_wait: line.target() == ACCESS_TARGET && *line.level() == Level::INFO,
        }
    }
}

/// Target of the access log.
pub(super) const ACCESS_TARGET: &str = "micro::access";
