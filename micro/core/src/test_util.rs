//! Captures the log of a thread, so that tests can read it.

use std::io::{self, Write};
use std::sync::Arc;

use micro_wake::sync::Mutex;
use tracing::Level;
use tracing::subscriber::DefaultGuard;

/// The log of this thread, captured until this value is dropped.
#[derive(Debug)]
pub struct CapturedLog {
    lines: Lines,
    _guard: DefaultGuard,
}

impl CapturedLog {
    /// Begins to capture what is logged at a level or a more severe one.
    pub fn new(level: Level) -> Self {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_writer(move || writer.clone())
            .with_max_level(level)
            .with_ansi(false)
            .without_time()
            .finish();
        Self {
            lines,
            _guard: tracing::subscriber::set_default(subscriber),
        }
    }

    /// Returns the lines so far: level, target, message and fields.
    pub fn lines(&self) -> Vec<String> {
        let bytes = self.lines.0.lock();
        let text = String::from_utf8_lossy(&bytes);
        text.lines().map(|line| line.trim().to_owned()).collect()
    }
}

#[derive(Debug, Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
