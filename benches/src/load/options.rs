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

/// The access log of micro's server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AccessLog {
    /// No lines.
    Off,
    /// Lines for failures, of which there are none here.
    Errors,
    /// A line for every call, without a subscriber that would write it: the cost of micro alone.
    All,
    /// A line for every call, written by `micro::run!` to a standard error that discards it.
    Written,
}

/// All options.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub(crate) role: Role,
    /// If not empty, micro with each of these is compared with micro with the first, instead of
    /// with tonic. For micro's server: its access log.
    pub(crate) access_logs: Vec<AccessLog>,
    pub(crate) run: Run,
    pub(crate) shapes: Vec<Shape>,
}

const ROLES: &[(&str, Role)] = &[
    ("tonic", Role::Tonic),
    ("micro", Role::Micro),
    ("generator", Role::Generator),
];

/// The names of the access logs.
pub(crate) const ACCESS_LOGS: &[(&str, AccessLog)] = &[
    ("off", AccessLog::Off),
    ("errors", AccessLog::Errors),
    ("all", AccessLog::All),
    ("written", AccessLog::Written),
];

impl Options {
    /// Parses `--key value` pairs.
    pub(crate) fn from_arguments(words: impl Iterator<Item = String>) -> io::Result<Self> {
        let (mut role, mut shapes) = (Role::Report, list("1x1,1x64,4x256", shape)?);
        let mut access_logs = Vec::new();
        let run = Run::read(words, &["--shapes", "--access-log"], |key, value| {
            match key {
                "--role" => role = find(ROLES, value)?,
                "--access-log" => {
                    access_logs = list(value, |word| find(ACCESS_LOGS, word))?;
                }
                "--shapes" => shapes = list(value, shape)?,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(Self {
            role,
            access_logs,
            run,
            shapes,
        })
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
