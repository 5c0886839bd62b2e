//! Creates, writes and syncs files and directories that only this user can access, and maps their
//! errors.
//!
//! Tests can simulate a full disk and record the order of syncs.

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use micro_message::error::{Error, ErrorKind};

/// A file that is written at its end.
#[derive(Debug)]
pub(super) struct Appender {
    file: fs::File,
    identity: Identity,
    room: DiskSpace,
    #[cfg(test)]
    name: String,
}

/// Counter of open files. In tests, it also limits the bytes that can be written and records syncs.
#[derive(Debug, Clone, Default)]
pub(super) struct DiskSpace {
    /// Number of files open for writing.
    open: Arc<AtomicUsize>,
    /// Number of bytes that can still be written; unlimited if `None`.
    #[cfg(test)]
    pub(super) left: Option<Arc<std::sync::atomic::AtomicI64>>,
    /// Names and lengths of the synced files, in order.
    #[cfg(test)]
    pub(super) synced: Arc<std::sync::Mutex<Vec<(String, u64)>>>,
}

impl DiskSpace {
    /// Returns a copy with a new counter, for a directory that is being opened.
    pub(super) fn anew(mut self) -> Self {
        self.open = Arc::default();
        self
    }

    /// Number of files open for writing.
    pub(super) fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }
}

impl Appender {
    /// Opens a file and creates it if necessary.
    pub(super) fn open(path: &Path, room: &DiskSpace) -> io::Result<Self> {
        let mut options = fs::OpenOptions::new();
        options.append(true).create(true);
        private(&mut options);
        Self::with(&options, path, room)
    }

    /// Opens an existing file. Fails if the file has fewer than `length` bytes or another identity.
    pub(super) fn again(
        path: &Path,
        (identity, length): (Option<Identity>, u64),
        room: &DiskSpace,
    ) -> io::Result<Self> {
        let mut options = fs::OpenOptions::new();
        options.append(true);
        let file = Self::with(&options, path, room)?;
        let is_other = identity.is_some_and(|identity| identity != file.identity);
        if is_other || file.file.metadata()?.len() < length {
            return Err(io::Error::other("another file has come in its place"));
        }
        Ok(file)
    }

    fn with(options: &fs::OpenOptions, path: &Path, room: &DiskSpace) -> io::Result<Self> {
        let file = options.open(path)?;
        let identity = Identity::of(&file.metadata()?);
        room.open.fetch_add(1, Ordering::Relaxed);
        Ok(Self {
            file,
            identity,
            room: room.clone(),
            #[cfg(test)]
            name: path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned(),
        })
    }

    /// Identity of the open file, to detect that another file has replaced it.
    pub(super) fn identity(&self) -> Identity {
        self.identity
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        #[cfg(test)]
        if let Some(room) = &self.room.left {
            use std::sync::atomic::Ordering::SeqCst;
            let length = i64::try_from(bytes.len()).expect("a test writes little");
            let left = room.fetch_sub(length, SeqCst);
            if left < length {
                room.fetch_add(length, SeqCst);
                // A full disk writes the part that fits.
                let fits = usize::try_from(left.max(0)).expect("it is less than was to be written");
                self.file.write_all(&bytes[..fits])?;
                return Err(io::ErrorKind::StorageFull.into());
            }
        }
        self.file.write_all(bytes)
    }

    /// Waits until all written data is on the disk.
    pub(super) fn sync(&self) -> io::Result<()> {
        #[cfg(test)]
        {
            let length = self.file.metadata()?.len();
            let mut synced = self.room.synced.lock().expect("no test panics with it");
            synced.push((self.name.clone(), length));
        }
        self.file.sync_data()
    }

    /// Truncates the file to `length` bytes.
    pub(super) fn cut(&self, length: u64) -> io::Result<()> {
        self.file.set_len(length)
    }
}

impl Drop for Appender {
    fn drop(&mut self) {
        self.room.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Identifies a file or directory, to detect that another one has replaced it. On systems without
/// inode numbers, all identities are equal, and only a missing file is detected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Identity(u64, u64);

impl Identity {
    #[cfg(unix)]
    pub(super) fn of(found: &fs::Metadata) -> Self {
        use std::os::unix::fs::MetadataExt;
        Self(found.dev(), found.ino())
    }

    #[cfg(not(unix))]
    pub(super) fn of(_found: &fs::Metadata) -> Self {
        Self(0, 0)
    }

    /// Identity of the file at a path; `None` if there is none.
    pub(super) fn at(path: &Path) -> Option<Self> {
        // A file whose metadata cannot be read counts as missing.
        fs::metadata(path).ok().map(|found| Self::of(&found))
    }

    /// Whether the file with this identity is at the path.
    pub(super) fn is_at(self, path: &Path) -> bool {
        Self::at(path) == Some(self)
    }
}

/// Error for an open file or directory that is no longer at its path.
pub(super) fn lost(dir: &Path) -> Error {
    Error::failed_precondition(format!(
        "directory `{}` of events was removed, renamed or replaced while it was open: what is \
         written there would not be found again; put it back, or start the program anew",
        dir.display()
    ))
}

#[cfg(unix)]
pub(super) fn private(options: &mut fs::OpenOptions) {
    use std::os::unix::fs::OpenOptionsExt;
    options.mode(0o600);
}

#[cfg(not(unix))]
pub(super) fn private(_options: &mut fs::OpenOptions) {}

/// Creates a directory and its parents, accessible to this user only.
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

/// Waits until the entries of a directory are on the disk.
#[cfg(unix)]
pub(super) fn sync_dir(dir: &Path) -> io::Result<()> {
    fs::File::open(dir)?.sync_all()
}

/// Does nothing: only Unix requires directories to be synced.
#[cfg(not(unix))]
pub(super) fn sync_dir(_dir: &Path) -> io::Result<()> {
    Ok(())
}

/// Wraps an I/O error with the failed operation and the path.
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
