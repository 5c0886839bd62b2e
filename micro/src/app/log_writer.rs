//! Writes log lines to standard error from a thread of its own.
//!
//! A write to a pipe that is full blocks until its reader reads. The threads that log run handlers and
//! connections, so they must not wait for that: one full pipe would stop the whole service. They
//! append to a bounded buffer instead. Lines for which the buffer has no room are dropped and
//! counted.
//!
//! Lines of the access log about calls that succeed do not wake the thread at once: it writes them
//! in blocks, because waking a thread for each call would cost more than the rest of the line. All
//! lines stay in order.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tracing::{Level, Metadata};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};

use crate::error::{OrError, Result};
use micro_core::internal::ACCESS_TARGET;

/// Maximum size of the buffered lines in bytes. The thread may hold as many again, which it is
/// writing.
const BUFFER_CAPACITY: usize = 1 << 20;
/// Number of buffered bytes from which lines that may wait are written.
const BLOCK: usize = 32 << 10;
/// Maximum time that a line may wait.
const BLOCK_INTERVAL: Duration = Duration::from_millis(100);
/// How long the end of the process waits for the buffered lines to be written.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);

/// A handle on the thread that writes. The thread runs until the process ends.
#[derive(Debug, Clone)]
pub(super) struct LogWriter(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    /// Notified when lines are buffered.
    filled: Condvar,
    /// Notified when everything is written.
    written: Condvar,
}

#[derive(Debug, Default)]
struct State {
    lines: Vec<u8>,
    /// Whether a buffered line is to be written at once.
    is_urgent: bool,
    /// Whether the thread is writing lines that it has taken out of the buffer.
    is_writing: bool,
    /// Number of lines that were dropped and not reported yet.
    dropped: u64,
}

impl LogWriter {
    /// Starts a thread that writes to standard error.
    pub(super) fn start() -> Result<Self> {
        Self::to(io::stderr())
    }

    fn to(output: impl Write + Send + 'static) -> Result<Self> {
        let writer = Self(Arc::default());
        let shared = Arc::clone(&writer.0);
        thread::Builder::new()
            .name("micro-log".to_owned())
            .spawn(move || shared.run(output))
            .or_internal("cannot start the thread that writes the log")?;
        Ok(writer)
    }

    /// Buffers one line, or drops it if the buffer is full. Never blocks.
    pub(super) fn push(&self, line: &[u8]) {
        self.append(line, false);
    }

    fn append(&self, line: &[u8], may_wait: bool) {
        let mut state = self.0.state();
        // A line that is longer than the buffer is written if it is alone.
        if !state.lines.is_empty() && state.lines.len() + line.len() > BUFFER_CAPACITY {
            state.dropped += 1;
            return;
        }
        let was_empty = state.lines.is_empty();
        state.lines.extend_from_slice(line);
        let is_urgent = !may_wait || state.lines.len() >= BLOCK;
        // The first line starts the interval.
        let wakes = was_empty || (is_urgent && !state.is_urgent);
        state.is_urgent |= is_urgent;
        drop(state);
        if wakes {
            self.0.filled.notify_one();
        }
    }

    /// Waits until all buffered lines are written, at most one second.
    pub(super) fn flush(&self) {
        let end = Instant::now() + FLUSH_TIMEOUT;
        let mut state = self.0.state();
        state.is_urgent = true;
        self.0.filled.notify_one();
        while state.is_writing || !state.lines.is_empty() {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            let waited = self.0.written.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // No code panics while it holds the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, mut output: impl Write) {
        loop {
            let lines = self.take();
            let lost = write(&mut output, &lines);
            self.report(&mut output, lost);
        }
    }

    /// Waits for lines and takes all of them.
    fn take(&self) -> Vec<u8> {
        let mut state = self.state();
        state.is_writing = false;
        if state.lines.is_empty() {
            self.written.notify_all();
        }
        while state.lines.is_empty() {
            let waited = self.filled.wait(state);
            state = waited.unwrap_or_else(PoisonError::into_inner);
        }
        if !state.is_urgent {
            let end = |state: &mut State| !state.is_urgent;
            let waited = self.filled.wait_timeout_while(state, BLOCK_INTERVAL, end);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        (state.is_urgent, state.is_writing) = (false, true);
        std::mem::take(&mut state.lines)
    }

    /// Reports how many lines were dropped, once standard error accepts data again.
    fn report(&self, output: &mut impl Write, lost: u64) {
        let mut state = self.state();
        state.dropped += lost;
        let dropped = state.dropped;
        drop(state);
        if lost == 0 && dropped > 0 && write(output, notice(dropped).as_bytes()) == 0 {
            self.state().dropped -= dropped;
        }
    }
}

/// Writes lines. Returns the number of lines that could not be written: the other end of the pipe
/// is closed, or the disk is full.
fn write(output: &mut impl Write, lines: &[u8]) -> u64 {
    let mut rest = lines;
    while !rest.is_empty() {
        match output.write(rest) {
            Ok(count) if count > 0 => rest = &rest[count..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // The error itself has no other place where it could be reported.
            Ok(_) | Err(_) => return count_lines(rest),
        }
    }
    0
}

fn count_lines(text: &[u8]) -> u64 {
    let lines = text.split_inclusive(|&byte| byte == b'\n');
    lines.fold(0, |count, _| count + 1)
}

/// The line that reports dropped lines, in the format of the other lines.
fn notice(dropped: u64) -> String {
    let mut line = String::new();
    let timed = SystemTime.format_time(&mut Writer::new(&mut line));
    let ended = writeln!(
        line,
        "  WARN {}: log lines were dropped, standard error did not accept them lines={dropped}",
        module_path!()
    );
    timed.and(ended).expect("a string accepts all text");
    line
}

/// The writer of one line.
#[derive(Debug)]
pub(super) struct LineWriter<'a> {
    log: &'a LogWriter,
    /// Whether the line may wait for others.
    may_wait: bool,
}

/// One event of `tracing` is one write.
impl Write for LineWriter<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.log.append(line, self.may_wait);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for LogWriter {
    type Writer = LineWriter<'a>;

    fn make_writer(&'a self) -> Self::Writer {
        LineWriter {
            log: self,
            may_wait: false,
        }
    }

    fn make_writer_for(&'a self, metadata: &Metadata<'_>) -> Self::Writer {
        LineWriter {
            log: self,
            may_wait: metadata.target() == ACCESS_TARGET && *metadata.level() == Level::INFO,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{PipeReader, Read, pipe};

    use super::*;

    fn piped() -> (LogWriter, PipeReader) {
        let (reader, output) = pipe().unwrap();
        (LogWriter::to(output).unwrap(), reader)
    }

    /// Reads until the text ends with `end`.
    fn read_to(reader: &mut PipeReader, end: &str) -> String {
        let (mut text, mut part) = (Vec::new(), vec![0; 65_536]);
        while !text.ends_with(end.as_bytes()) {
            let count = reader.read(&mut part).unwrap();
            assert!(count > 0, "the pipe ended");
            text.extend_from_slice(&part[..count]);
        }
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn flushed_lines_are_written_in_order() {
        let (writer, mut reader) = piped();
        for number in 0..100 {
            writer.push(format!("{number}\n").as_bytes());
        }
        writer.flush();
        let lines: Vec<String> = (0..100).map(|number| format!("{number}\n")).collect();
        assert_eq!(read_to(&mut reader, "\n99\n"), lines.concat());
    }

    #[test]
    fn lines_beyond_the_buffer_are_dropped_and_counted() {
        let (writer, mut reader) = piped();
        let line = [&[b'x'; 1023][..], b"\n"].concat();
        let pushed = 4096;
        for _ in 0..pushed {
            writer.push(&line);
        }
        assert!(writer.0.state().lines.len() <= BUFFER_CAPACITY);
        assert!(writer.0.state().dropped > 0);
        // The pipe is full, so the flush gives up.
        writer.flush();
        // Dropped lines are reported between two buffers, or after the last.
        let (mut text, mut part) = (Vec::new(), vec![0; 65_536]);
        loop {
            let count = reader.read(&mut part).unwrap();
            text.extend_from_slice(&part[..count]);
            let complete = text.iter().rposition(|&byte| byte == b'\n').unwrap_or(0);
            let lines = String::from_utf8_lossy(&text[..complete]);
            let accounted: u64 = lines
                .lines()
                .map(|line| match line.rsplit_once(" lines=") {
                    Some((_, dropped)) => dropped.parse::<u64>().unwrap(),
                    None => 1,
                })
                .sum();
            assert!(accounted <= pushed);
            if accounted == pushed {
                break;
            }
        }
        writer.flush();
        assert_eq!(writer.0.state().dropped, 0);
        writer.push(b"after\n");
        assert_eq!(read_to(&mut reader, "after\n"), "after\n");
    }

    #[test]
    fn lines_that_may_wait_are_written_in_order_with_the_next_that_may_not() {
        let (writer, mut reader) = piped();
        writer.append(b"one\n", true);
        writer.append(b"two\n", true);
        writer.append(b"three\n", false);
        assert_eq!(read_to(&mut reader, "three\n"), "one\ntwo\nthree\n");
        writer.append(b"four\n", true);
        assert_eq!(read_to(&mut reader, "four\n"), "four\n");
    }

    #[test]
    fn closed_pipe_drops_lines() {
        let (writer, reader) = piped();
        drop(reader);
        writer.push(b"one\ntwo\n");
        writer.flush();
        assert_eq!(writer.0.state().dropped, 2);
        writer.push(b"three\n");
        writer.flush();
        assert_eq!(writer.0.state().dropped, 3);
    }
}
