//! The command line options.

use std::io;

use micro_benches::arguments::{Run, find, list, name, wrong};

/// The role of this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Starts the other roles and compares them.
    Report,
    Server,
    Client,
}

/// The implementation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Micro,
    Tonic,
}

/// The workload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    Ping,
    Window,
    Down,
    Idle,
    Stalled,
}

/// All options.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub(crate) role: Role,
    pub(crate) side: Side,
    pub(crate) run: Run,
    pub(crate) shapes: Vec<Shape>,
    /// Client and server. The others are compared with the first pair.
    pub(crate) pairs: Vec<(Side, Side)>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            role: Role::Report,
            side: Side::Micro,
            run: Run::default(),
            shapes: SHAPES.iter().map(|(_, shape)| *shape).collect(),
            pairs: vec![
                (Side::Tonic, Side::Tonic),
                (Side::Micro, Side::Micro),
                (Side::Micro, Side::Tonic),
                (Side::Tonic, Side::Micro),
            ],
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
    /// Parses `--key value` pairs.
    pub(crate) fn from_arguments(words: impl Iterator<Item = String>) -> io::Result<Self> {
        let mut options = Self::default();
        options.run = Run::read(words, &["--shapes", "--pairs"], |key, value| {
            match key {
                "--role" => options.role = find(ROLES, value)?,
                "--side" => options.side = find(SIDES, value)?,
                "--shapes" => options.shapes = list(value, |word| find(SHAPES, word))?,
                "--pairs" => options.pairs = list(value, pair)?,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
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

fn pair(word: &str) -> io::Result<(Side, Side)> {
    let (client, server) = word
        .split_once('-')
        .ok_or_else(|| wrong(format!("`{word}` is not a pair such as micro-tonic")))?;
    Ok((find(SIDES, client)?, find(SIDES, server)?))
}
