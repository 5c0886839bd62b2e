//! Command line arguments: pairs of `--key value`, and those that all comparisons share.
//!
//! Keys of a single program are parsed by that program.

use std::io;
use std::str::FromStr;

/// Duration, number of rounds and target of a comparison.
#[derive(Debug, Clone)]
pub struct Run {
    /// Number of rounds.
    pub rounds: usize,
    /// Measured seconds per run.
    pub seconds: f64,
    /// Seconds of warm-up before a run, unmeasured.
    pub warm: f64,
    /// For callers: the port to call.
    pub port: u16,
    /// For callers: id of the server process, whose CPU time or memory is read.
    pub server: u32,
}

impl Default for Run {
    fn default() -> Self {
        Self {
            rounds: 9,
            seconds: 3.0,
            warm: 1.0,
            port: 0,
            server: 0,
        }
    }
}

impl Run {
    /// Parses the pairs. `own` parses other keys, and returns whether it knows a key. `known` lists
    /// those keys for the error about an unknown one.
    ///
    /// # Errors
    ///
    /// Fails for a key without a value, an unknown key, and an invalid value.
    pub fn read(
        mut words: impl Iterator<Item = String>,
        known: &[&str],
        mut own: impl FnMut(&str, &str) -> io::Result<bool>,
    ) -> io::Result<Self> {
        let mut run = Self::default();
        while let Some(key) = words.next() {
            let value = words.next();
            let value = value.ok_or_else(|| wrong(format!("`{key}` wants a value")))?;
            match key.as_str() {
                "--rounds" => run.rounds = number(&value)?,
                "--seconds" => run.seconds = number(&value)?,
                "--warm" => run.warm = number(&value)?,
                "--port" => run.port = number(&value)?,
                "--server" => run.server = number(&value)?,
                _ if own(&key, &value)? => {}
                _ => {
                    let known = [&["--rounds", "--seconds", "--warm"], known].concat();
                    let known = known.join(", ");
                    return Err(wrong(format!("no option `{key}`; known: {known}")));
                }
            }
        }
        Ok(run)
    }

    /// The pairs that start a caller with the same settings, for a port and its server process.
    pub fn pairs(&self, port: String, server: u32) -> Vec<(&'static str, String)> {
        vec![
            ("--port", port),
            ("--server", server.to_string()),
            ("--seconds", self.seconds.to_string()),
            ("--warm", self.warm.to_string()),
        ]
    }
}

/// Parses a comma-separated list.
///
/// # Errors
///
/// Fails if a word cannot be parsed.
pub fn list<T>(words: &str, read: impl Fn(&str) -> io::Result<T>) -> io::Result<Vec<T>> {
    words.split(',').map(read).collect()
}

/// Looks up the value of a name.
///
/// # Errors
///
/// Fails for an unknown name. The error lists the known ones.
pub fn find<T: Copy>(names: &[(&str, T)], word: &str) -> io::Result<T> {
    let found = names.iter().find(|(name, _)| *name == word);
    found.map(|(_, value)| *value).ok_or_else(|| {
        let known: Vec<_> = names.iter().map(|(name, _)| *name).collect();
        wrong(format!("no `{word}`; known: {}", known.join(", ")))
    })
}

/// Looks up the name of a value.
pub fn name<T: PartialEq>(names: &[(&'static str, T)], value: &T) -> &'static str {
    let found = names.iter().find(|(_, known)| known == value);
    found.map_or("?", |(name, _)| name)
}

/// Parses a number.
///
/// # Errors
///
/// Fails if the word is not a number of this type.
pub fn number<T: FromStr>(word: &str) -> io::Result<T> {
    word.parse()
        .map_err(|_| wrong(format!("`{word}` is not a number of the right kind")))
}

/// Creates the error for an invalid argument.
pub fn wrong(message: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, message)
}
