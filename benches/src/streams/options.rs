//! What the command line says.

use std::io;

/// What this process is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Starts the others and compares them.
    Report,
    Server,
    Client,
}

/// Whose code runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Micro,
    Tonic,
}

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    Ping,
    Window,
    Down,
    Idle,
    Stalled,
}

/// Everything that can be set.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub(crate) role: Role,
    pub(crate) side: Side,
    /// Alternations.
    pub(crate) rounds: usize,
    /// Measured, a run.
    pub(crate) seconds: f64,
    /// Before it, unmeasured.
    pub(crate) warm: f64,
    pub(crate) shapes: Vec<Shape>,
    /// Client and server; the first is what the others are compared with.
    pub(crate) pairs: Vec<(Side, Side)>,
    /// The client's: where to call.
    pub(crate) port: u16,
    /// The client's: whose memory to read.
    pub(crate) server: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            role: Role::Report,
            side: Side::Micro,
            rounds: 9,
            seconds: 3.0,
            warm: 1.0,
            shapes: SHAPES.iter().map(|(_, shape)| *shape).collect(),
            pairs: vec![
                (Side::Tonic, Side::Tonic),
                (Side::Micro, Side::Micro),
                (Side::Micro, Side::Tonic),
                (Side::Tonic, Side::Micro),
            ],
            port: 0,
            server: 0,
        }
    }
}

const SIDES: &[(&str, Side)] = &[("micro", Side::Micro), ("tonic", Side::Tonic)];

const SHAPES: &[(&str, Shape)] = &[
    ("ping", Shape::Ping),
    ("window", Shape::Window),
    ("down", Shape::Down),
    ("idle", Shape::Idle),
    ("stalled", Shape::Stalled),
];

const ROLES: &[(&str, Role)] = &[("server", Role::Server), ("client", Role::Client)];

impl Options {
    /// Reads `--key value` pairs.
    pub(crate) fn from_arguments(mut words: impl Iterator<Item = String>) -> io::Result<Self> {
        let mut options = Self::default();
        while let Some(key) = words.next() {
            let value = words
                .next()
                .ok_or_else(|| wrong(format!("`{key}` wants a value")))?;
            match key.as_str() {
                "--role" => options.role = find(ROLES, &value)?,
                "--side" => options.side = find(SIDES, &value)?,
                "--rounds" => options.rounds = number(&value)?,
                "--seconds" => options.seconds = number(&value)?,
                "--warm" => options.warm = number(&value)?,
                "--shapes" => {
                    let shapes = value.split(',').map(|word| find(SHAPES, word));
                    options.shapes = shapes.collect::<io::Result<_>>()?;
                }
                "--pairs" => {
                    options.pairs = value.split(',').map(pair).collect::<io::Result<_>>()?;
                }
                "--port" => options.port = number(&value)?,
                "--server" => options.server = number(&value)?,
                _ => {
                    return Err(wrong(format!(
                        "no option `{key}`; known: --rounds, --seconds, --warm, --shapes, --pairs"
                    )));
                }
            }
        }
        Ok(options)
    }
}

impl Side {
    pub(crate) fn name(self) -> &'static str {
        name(SIDES, &self)
    }
}

impl Shape {
    pub(crate) fn name(self) -> &'static str {
        name(SHAPES, &self)
    }
}

fn name<T: PartialEq>(names: &[(&'static str, T)], value: &T) -> &'static str {
    let found = names.iter().find(|(_, known)| known == value);
    found.map_or("?", |(name, _)| name)
}

fn find<T: Copy>(names: &[(&str, T)], word: &str) -> io::Result<T> {
    let found = names.iter().find(|(name, _)| *name == word);
    found.map(|(_, value)| *value).ok_or_else(|| {
        let known: Vec<_> = names.iter().map(|(name, _)| *name).collect();
        wrong(format!("no `{word}`; known: {}", known.join(", ")))
    })
}

fn pair(word: &str) -> io::Result<(Side, Side)> {
    let (client, server) = word
        .split_once('-')
        .ok_or_else(|| wrong(format!("`{word}` is not a pair such as micro-tonic")))?;
    Ok((find(SIDES, client)?, find(SIDES, server)?))
}

fn number<T: std::str::FromStr>(word: &str) -> io::Result<T> {
    word.parse()
        .map_err(|_| wrong(format!("`{word}` is not a number of the right kind")))
}

fn wrong(message: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, message)
}
