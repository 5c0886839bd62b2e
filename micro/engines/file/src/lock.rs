//! Lock file that admits one process per directory and contains the id of that process.
//!
//! The operating system releases the lock when the process ends, however it ends. The process id in
//! the file is only informative.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

use crate::disk::{Identity, failed, lost, private};
use micro_message::error::{Error, Result};

/// Keeps the directory locked until dropped.
#[derive(Debug)]
pub(super) struct Lock {
    file: File,
    identity: Identity,
    dir: PathBuf,
}

impl Lock {
    /// Locks a directory.
    pub(super) fn take(dir: &Path) -> Result<Self> {
        let path = dir.join("lock");
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        private(&mut options);
        let mut file = options.open(&path).map_err(|e| failed(e, "open", &path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(held(&mut file, dir)),
            Err(TryLockError::Error(error)) => return Err(failed(error, "lock", &path)),
        }
        let written = file
            .set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| writeln!(file, "{}", std::process::id()));
        // The lock is held even if the id cannot be written. A full disk must not prevent records
        // from being read and removed.
        if let Err(error) = written {
            tracing::debug!(%error, "the lock file does not say who holds it");
        }
        let found = file.metadata().map_err(|e| failed(e, "look at", &path))?;
        Ok(Self {
            file,
            identity: Identity::of(&found),
            dir: dir.to_owned(),
        })
    }

    /// Checks that the path still leads to the locked directory.
    pub(super) fn check(&self) -> Result<()> {
        if self.identity.is_at(&self.dir.join("lock")) {
            return Ok(());
        }
        Err(lost(&self.dir))
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        if let Err(error) = self.file.unlock() {
            tracing::warn!(%error, "the lock of a directory of events stays");
        }
    }
}

fn held(file: &mut File, dir: &Path) -> Error {
    let mut holder = String::new();
    let read = file.read_to_string(&mut holder).is_ok();
    let dir = dir.display();
    let ours = std::process::id().to_string();
    let who = match holder.trim() {
        own if own == ours => "this process already, clone its `Events`".to_owned(),
        other if read && !other.is_empty() => format!("process {other}"),
        _ => "another process".to_owned(),
    };
    Error::failed_precondition(format!(
        "directory `{dir}` of events is in use by {who}; one process has it at a time, give \
         the other a directory of its own as `file:///path`"
    ))
}
