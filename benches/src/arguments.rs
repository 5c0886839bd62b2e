//! What the command line says: pairs of `--key value`, and those that every comparison takes.
//!
//! The keys of one program alone are that program's affair.

use std::io;
use std::str::FromStr;

/// How long, how often and against what a comparison runs.
#[derive(Debug, Clone)]
pub struct Run {
    /// Alternations.
    pub rounds: usize,
    /// Measured, a run.
    pub seconds: f64,
    /// Before it, unmeasured.
    pub warm: f64,
    /// The caller's: where to call.
    pub port: u16,
    /// The caller's: the process whose CPU time or memory to read.
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
    /// Reads pairs; `own` takes those that are none of these, and says whether it knows the key.
    /// `known` are its keys, for the error of an unknown one.
    ///
    /// # Errors
    ///
    /// For a key without a value, an unknown key, and a value that does not fit.
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

    /// The pairs by which a caller measures the same way: at a port, whose server is a process.
    pub fn pairs(&self, port: String, server: u32) -> Vec<(&'static str, String)> {
        vec![
            ("--port", port),
            ("--server", server.to_string()),
            ("--seconds", self.seconds.to_string()),
            ("--warm", self.warm.to_string()),
        ]
    }
}

/// A list of words, by commas.
///
/// # Errors
///
/// When a word cannot be read.
pub fn list<T>(words: &str, read: impl Fn(&str) -> io::Result<T>) -> io::Result<Vec<T>> {
    words.split(',').map(read).collect()
}

/// The value of a name.
///
/// # Errors
///
/// When there is no such name; the error lists them.
pub fn find<T: Copy>(names: &[(&str, T)], word: &str) -> io::Result<T> {
    let found = names.iter().find(|(name, _)| *name == word);
    found.map(|(_, value)| *value).ok_or_else(|| {
        let known: Vec<_> = names.iter().map(|(name, _)| *name).collect();
        wrong(format!("no `{word}`; known: {}", known.join(", ")))
    })
}

/// The name of a value.
pub fn name<T: PartialEq>(names: &[(&'static str, T)], value: &T) -> &'static str {
    let found = names.iter().find(|(_, known)| known == value);
    found.map_or("?", |(name, _)| name)
}

/// A number.
///
/// # Errors
///
/// When the word is none of that type.
pub fn number<T: FromStr>(word: &str) -> io::Result<T> {
    word.parse()
        .map_err(|_| wrong(format!("`{word}` is not a number of the right kind")))
}

/// The error of an argument.
pub fn wrong(message: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, message)
}
