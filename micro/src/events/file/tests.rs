//! What is special to files.

use std::path::{Path, PathBuf};

/// A directory of a test, removed when dropped.
#[derive(Debug)]
pub(in crate::events) struct Scratch(PathBuf);

impl Scratch {
    pub(in crate::events) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            eprintln!("{} stays behind: {error}", self.0.display());
        }
    }
}

/// A directory that does not exist yet.
pub(in crate::events) fn scratch() -> Scratch {
    let name = format!(
        "micro-events-{}-{:016x}",
        std::process::id(),
        fastrand::u64(..)
    );
    Scratch(std::env::temp_dir().join(name))
}
