//! `Error`: what is wrong, a line each. Printed the same when `main` returns it.

use std::fmt;

/// What is wrong with the `.proto` files, one line each:
/// `shop.proto:3:5: what is wrong; what to write instead`.
pub struct Error {
    lines: Vec<String>,
}

impl Error {
    pub(crate) fn new(line: impl Into<String>) -> Self {
        Self::all(vec![line.into()])
    }

    pub(crate) fn all(lines: Vec<String>) -> Self {
        Self { lines }
    }

    /// What is wrong, one mistake a line.
    pub fn lines(&self) -> &[String] {
        &self.lines
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.lines.join("\n"))
    }
}

// What a build script prints when its `main` returns an error.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Error {}
