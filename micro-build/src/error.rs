//! `Error`: a list of mistakes in `.proto` files or settings.

use std::fmt;

/// The mistakes in the `.proto` files or in the settings.
///
/// Each mistake is one line of the form `shop.proto:3:5: mistake; what to write instead`. `Debug`
/// and `Display` print the same text, so that a build script can return the error from `main`.
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

    /// Returns the mistakes, one per line.
    pub fn lines(&self) -> &[String] {
        &self.lines
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.lines.join("\n"))
    }
}

// Cargo prints the `Debug` form of an error that `main` returns.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Error {}
