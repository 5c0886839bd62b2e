//! Problems: collects errors, so that all of them are reported at once.

use std::fmt::Write;

use crate::error::{Error, ErrorKind, Result};

/// The errors found so far.
#[derive(Debug, Default)]
pub(crate) struct Problems(Vec<Error>);

impl Problems {
    pub(crate) fn add(&mut self, problem: Error) {
        self.0.push(problem);
    }

    /// Returns the value of a result, or records its error.
    pub(crate) fn take<T>(&mut self, result: Result<T>) -> Option<T> {
        result.map_err(|problem| self.add(problem)).ok()
    }

    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns one error that lists every problem, or `Ok` if there are none.
    pub(crate) fn finish(mut self, what: &str) -> Result<()> {
        match self.0.len() {
            0 => Ok(()),
            1 => Err(self.0.remove(0)),
            count => {
                let mut text = format!("{what}; {count} problems:");
                for problem in &self.0 {
                    // Writing to a `String` cannot fail.
                    write!(text, "\n  - {}", problem.chain()).expect("a string takes any text");
                }
                Err(Error::new(ErrorKind::FailedPrecondition, text))
            }
        }
    }
}
