//! A running program: its output, signals to it, its end. It is killed when dropped.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use rustix::process::{Pid, Signal, kill_process};

use crate::wait::until;

/// A program started by a test.
///
/// Dropping it kills the program. If the test is failing, the program's output is printed.
#[derive(Debug)]
pub struct Program {
    name: String,
    child: Child,
    /// Lines of standard output, written by a reading thread.
    output: Lines,
    /// Lines of standard error, written by a reading thread.
    errors: Lines,
}

type Lines = Arc<Mutex<Vec<String>>>;

impl Program {
    /// Starts a command and reads its output.
    ///
    /// # Panics
    ///
    /// Panics if the command cannot be started.
    pub fn start(command: &mut Command) -> Self {
        let name = command.get_program().to_string_lossy().into_owned();
        let started = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let mut child = started.unwrap_or_else(|error| panic!("{name} does not start: {error}"));
        let output = read(child.stdout.take().expect("it is piped"));
        let errors = read(child.stderr.take().expect("it is piped"));
        Self {
            name,
            child,
            output,
            errors,
        }
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The lines written to standard output so far.
    pub fn output(&self) -> Vec<String> {
        lines(&self.output)
    }

    /// The lines written to standard error so far.
    pub fn errors(&self) -> Vec<String> {
        lines(&self.errors)
    }

    /// Waits for a line on either stream that begins with `start`, ignoring leading spaces. Returns
    /// the rest of the line.
    ///
    /// # Panics
    ///
    /// Panics if the line does not arrive in time, or if the program ends without it.
    pub fn line(&mut self, start: &str) -> String {
        let what = format!("a line `{start}…` of {}", self.name);
        until(&what, || {
            // Check for the end before reading the lines, so that the last ones are not missed.
            let ended = self.child.try_wait().expect("it is our child");
            let all = [self.output(), self.errors()].concat();
            let found = all
                .iter()
                .find_map(|line| line.trim_start().strip_prefix(start));
            assert!(
                found.is_some() || ended.is_none() || !self.is_read(),
                "{} ended without {what}: {ended:?}",
                self.name
            );
            found.map(|rest| rest.trim().to_owned())
        })
    }

    /// Requests a graceful stop with SIGTERM, as a supervisor does.
    ///
    /// # Panics
    ///
    /// Panics if the signal cannot be sent.
    pub fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Sends SIGTERM repeatedly until the program has ended.
    ///
    /// # Panics
    ///
    /// Panics if the program does not end in time.
    pub fn terminate_until_ended(&mut self) -> ExitStatus {
        let what = format!("the end of {} by signals", self.name);
        until(&what, || {
            let ended = self.child.try_wait().expect("it is our child");
            if ended.is_none() {
                self.terminate();
            }
            ended
        })
    }

    /// Kills the program with SIGKILL.
    ///
    /// # Panics
    ///
    /// Panics if the signal cannot be sent.
    pub fn kill(&self) {
        self.signal(Signal::KILL);
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("it is our child");
    }

    /// Waits for the end of the program.
    ///
    /// # Panics
    ///
    /// Panics if the program does not end in time.
    pub fn wait(&mut self) -> ExitStatus {
        let what = format!("the end of {}", self.name);
        let status = until(&what, || self.child.try_wait().expect("it is our child"));
        until("its last words", || self.is_read().then_some(()));
        status
    }

    /// Whether both streams were read to their ends, when the readers have dropped the lines.
    fn is_read(&self) -> bool {
        Arc::strong_count(&self.output) == 1 && Arc::strong_count(&self.errors) == 1
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let running = matches!(self.child.try_wait(), Ok(None));
        if running && (self.child.kill().is_err() || self.child.wait().is_err()) {
            eprintln!("{} may still run", self.name);
        }
        if thread::panicking() {
            let said = [self.output(), self.errors()].concat();
            eprintln!("--- {} ({}) said:", self.name, self.id());
            for line in said {
                eprintln!("    {line}");
            }
        }
    }
}

/// Reads a stream on a thread that ends with the stream.
fn read(stream: impl Read + Send + 'static) -> Lines {
    let lines = Lines::default();
    let writer = Arc::clone(&lines);
    thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            let mut lines = writer.lock().unwrap_or_else(PoisonError::into_inner);
            lines.push(line);
        }
    });
    lines
}

fn lines(lines: &Lines) -> Vec<String> {
    let lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
    lines.clone()
}
