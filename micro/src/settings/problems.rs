//! Problems: collects everything that is wrong, so that all of it is reported at once.

use std::fmt::Write;

use crate::error::{Error, ErrorKind, Result};

/// Everything found wrong so far.
#[derive(Debug, Default)]
pub(crate) struct Problems(Vec<Error>);

impl Problems {
    pub(crate) fn add(&mut self, problem: Error) {
        self.0.push(problem);
    }

    /// The value of a result; an error is noted.
    pub(crate) fn take<T>(&mut self, result: Result<T>) -> Option<T> {
        result.map_err(|problem| self.add(problem)).ok()
    }

    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Nothing, or one error that lists every problem.
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
