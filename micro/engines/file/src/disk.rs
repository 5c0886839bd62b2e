//! Files and directories: making them for this user alone, writing and syncing them, and what
//! their errors mean.
//!
//! Tests can make a disk full here.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use micro_message::error::{Error, ErrorKind};

/// A file that is written at its end.
#[derive(Debug)]
pub(super) struct Appender {
    file: fs::File,
    room: Room,
}

/// What a disk still takes: it says itself, but in tests.
#[derive(Debug, Clone, Default)]
pub(super) struct Room {
    /// Bytes; as many as there are unless set.
    #[cfg(test)]
    pub(super) left: Option<std::sync::Arc<std::sync::atomic::AtomicI64>>,
}

impl Appender {
    /// Opens a file, making it if need be.
    pub(super) fn open(path: &Path, room: &Room) -> io::Result<Self> {
        let mut options = fs::OpenOptions::new();
        options.append(true).create(true);
        private(&mut options);
        Ok(Self {
            file: options.open(path)?,
            room: room.clone(),
        })
    }

    /// The room it was opened with.
    pub(super) fn room(&self) -> Room {
        self.room.clone()
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        #[cfg(test)]
        if let Some(room) = &self.room.left {
            use std::sync::atomic::Ordering::SeqCst;
            let length = i64::try_from(bytes.len()).expect("a test writes little");
            let left = room.fetch_sub(length, SeqCst);
            if left < length {
                room.fetch_add(length, SeqCst);
                // A full disk takes what fits.
                let fits = usize::try_from(left.max(0)).expect("it is less than was to be written");
                self.file.write_all(&bytes[..fits])?;
                return Err(io::ErrorKind::StorageFull.into());
            }
        }
        self.file.write_all(bytes)
    }

    /// Waits until the disk has all of it.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    /// Cuts off what is behind.
    pub(super) fn cut(&self, length: u64) -> io::Result<()> {
        self.file.set_len(length)
    }
}

#[cfg(unix)]
pub(super) fn private(options: &mut fs::OpenOptions) {
    use std::os::unix::fs::OpenOptionsExt;
    options.mode(0o600);
}

#[cfg(not(unix))]
pub(super) fn private(_options: &mut fs::OpenOptions) {}

/// Makes a directory and those above it, for this user alone.
pub(super) fn make_dir(dir: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt;
        builder.mode(0o700);
    }
    builder.create(dir)
}

/// Waits until the disk has the names of a directory.
#[cfg(unix)]
pub(super) fn sync_dir(dir: &Path) -> io::Result<()> {
    fs::File::open(dir)?.sync_all()
}

/// Waits until the disk has the names of a directory: other systems need no word.
#[cfg(not(unix))]
pub(super) fn sync_dir(_dir: &Path) -> io::Result<()> {
    Ok(())
}

/// An error of the system, with what could not be done with which file.
pub(super) fn failed(error: io::Error, what: &str, path: &Path) -> Error {
    let path = path.display();
    let (kind, remedy) = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            (ErrorKind::ResourceExhausted, ": the disk is full")
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            (ErrorKind::PermissionDenied, "")
        }
        _ => (ErrorKind::Unavailable, ""),
    };
    Error::new(kind, format!("cannot {what} `{path}`{remedy}")).with_source(error)
}
