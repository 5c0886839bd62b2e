//! The command line options.

use std::io;

use micro_benches::arguments::{Run, find, list, number, wrong};

/// The role of this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Starts the other roles and compares them.
    Report,
    /// A server with hand-written tonic.
    Tonic,
    /// A server with micro.
    Micro,
    /// Calls a server.
    Generator,
}

/// Number of connections, and of callers on all of them together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) connections: usize,
    pub(crate) callers: usize,
}

/// All options.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub(crate) role: Role,
    pub(crate) run: Run,
    pub(crate) shapes: Vec<Shape>,
}

const ROLES: &[(&str, Role)] = &[
    ("tonic", Role::Tonic),
    ("micro", Role::Micro),
    ("generator", Role::Generator),
];

impl Options {
    /// Parses `--key value` pairs.
    pub(crate) fn from_arguments(words: impl Iterator<Item = String>) -> io::Result<Self> {
        let (mut role, mut shapes) = (Role::Report, list("1x1,1x64,4x256", shape)?);
        let run = Run::read(words, &["--shapes"], |key, value| {
            match key {
                "--role" => role = find(ROLES, value)?,
                "--shapes" => shapes = list(value, shape)?,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(Self { role, run, shapes })
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
