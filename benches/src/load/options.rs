//! What the command line says.

use std::io;

/// What this process is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Starts the others and compares them.
    Report,
    /// A server: hand-written tonic.
    Tonic,
    /// A server: ours.
    Micro,
    /// Calls a server.
    Generator,
}

/// How many connections, and how many callers over all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) connections: usize,
    pub(crate) callers: usize,
}

/// Everything that can be set.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub(crate) role: Role,
    /// Alternations.
    pub(crate) rounds: usize,
    /// Measured, a run.
    pub(crate) seconds: f64,
    /// Before it, unmeasured.
    pub(crate) warm: f64,
    pub(crate) shapes: Vec<Shape>,
    /// The generator's: where to call.
    pub(crate) port: u16,
    /// The generator's: whose CPU time to read.
    pub(crate) server: u32,
}

impl Default for Options {
    fn default() -> Self {
        let shape = |connections, callers| Shape {
            connections,
            callers,
        };
        Self {
            role: Role::Report,
            rounds: 9,
            seconds: 3.0,
            warm: 1.0,
            shapes: vec![shape(1, 1), shape(1, 64), shape(4, 256)],
            port: 0,
            server: 0,
        }
    }
}

impl Options {
    /// Reads `--key value` pairs.
    pub(crate) fn from_arguments(mut words: impl Iterator<Item = String>) -> io::Result<Self> {
        let mut options = Self::default();
        while let Some(key) = words.next() {
            let value = words
                .next()
                .ok_or_else(|| wrong(format!("`{key}` wants a value")))?;
            match key.as_str() {
                "--role" => options.role = role(&value)?,
                "--rounds" => options.rounds = number(&value)?,
                "--seconds" => options.seconds = number(&value)?,
                "--warm" => options.warm = number(&value)?,
                "--shapes" => {
                    options.shapes = value.split(',').map(shape).collect::<io::Result<_>>()?;
                }
                "--port" => options.port = number(&value)?,
                "--server" => options.server = number(&value)?,
                _ => {
                    return Err(wrong(format!(
                        "no option `{key}`; known: --rounds, --seconds, --warm, --shapes"
                    )));
                }
            }
        }
        Ok(options)
    }
}

fn role(word: &str) -> io::Result<Role> {
    match word {
        "tonic" => Ok(Role::Tonic),
        "micro" => Ok(Role::Micro),
        "generator" => Ok(Role::Generator),
        _ => Err(wrong(format!("no role `{word}`"))),
    }
}

fn shape(word: &str) -> io::Result<Shape> {
    let (connections, callers) = word
        .split_once('x')
        .ok_or_else(|| wrong(format!("`{word}` is not a shape such as 4x256")))?;
    let shape = Shape {
        connections: number(connections)?,
        callers: number(callers)?,
    };
    if shape.connections == 0 || shape.callers < shape.connections {
        return Err(wrong(format!("`{word}` has connections without callers")));
    }
    Ok(shape)
}

fn number<T: std::str::FromStr>(word: &str) -> io::Result<T> {
    word.parse()
        .map_err(|_| wrong(format!("`{word}` is not a number of the right kind")))
}

fn wrong(message: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, message)
}
