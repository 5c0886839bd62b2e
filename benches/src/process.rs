//! Runs this program in another role: starts it, reads its output, stops it.

use std::env;
use std::io::{self, BufRead, BufReader};
use std::process::{Child, Command, Stdio};

/// A running role. It is killed when dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
}

impl Process {
    /// Starts this program with arguments. Returns the process and the first line that it prints.
    ///
    /// # Errors
    ///
    /// Fails if the process does not start, or ends before it has printed a line.
    pub fn start(arguments: &[String]) -> io::Result<(Self, String)> {
        Self::spawn(Command::new(env::current_exe()?).args(arguments), arguments)
    }

    fn spawn(command: &mut Command, arguments: &[String]) -> io::Result<(Self, String)> {
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut process = Self { child };
        let mut line = String::new();
        let output = process
            .child
            .stdout
            .take()
            .ok_or(io::ErrorKind::BrokenPipe)?;
        BufReader::new(output).read_line(&mut line)?;
        if line.is_empty() {
            return Err(io::Error::other(format!(
                "{arguments:?} ended before it spoke"
            )));
        }
        Ok((process, line.trim().to_owned()))
    }

    /// Like [`Process::start`], with pairs of a key and a value.
    ///
    /// # Errors
    ///
    /// See [`Process::start`].
    pub fn role(pairs: &[(&str, String)]) -> io::Result<(Self, String)> {
        let words = pairs.iter().flat_map(|(k, v)| [(*k).to_owned(), v.clone()]);
        Self::start(&words.collect::<Vec<_>>())
    }

    /// Like [`Process::role`], with environment variables. What the process writes to standard error
    /// is discarded.
    ///
    /// # Errors
    ///
    /// See [`Process::start`].
    pub fn quiet_role(
        pairs: &[(&str, String)],
        environment: &[(&str, String)],
    ) -> io::Result<(Self, String)> {
        let words = pairs.iter().flat_map(|(k, v)| [(*k).to_owned(), v.clone()]);
        let words: Vec<String> = words.collect();
        let mut command = Command::new(env::current_exe()?);
        command.args(&words).stderr(Stdio::null());
        command.envs(environment.iter().map(|(key, value)| (key, value)));
        Self::spawn(&mut command, &words)
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // The process may have ended by itself, which is fine.
        if self.child.kill().is_ok() && self.child.wait().is_err() {
            eprintln!("process {} may still run", self.id());
        }
    }
}

/// Returns the CPU time that all threads of a process have used, in seconds.
///
/// Its resolution is a hundredth of a second, so measure over seconds.
///
/// # Errors
///
/// Fails if there is no such process or no `/proc`.
pub fn cpu_seconds(process: u32) -> io::Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The name, in parentheses, may contain spaces.
    let after = stat.rsplit_once(')').map_or("", |(_, after)| after);
    let ticks = |field: &str| field.parse::<u32>().ok().map(f64::from);
    let mut fields = after.split_whitespace().skip(11);
    let user = fields.next().and_then(ticks);
    let system = fields.next().and_then(ticks);
    match (user, system) {
        (Some(user), Some(system)) => Ok((user + system) / 100.0),
        _ => Err(io::Error::other(format!(
            "cannot read the times in `{after}`"
        ))),
    }
}

/// Returns the resident memory of a process, in bytes.
///
/// # Errors
///
/// Fails if there is no such process or no `/proc`.
pub fn resident_bytes(process: u32) -> io::Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok());
    kib.map(|kib| kib * 1024)
        .ok_or_else(|| io::Error::other("cannot read the memory in `status`"))
}
