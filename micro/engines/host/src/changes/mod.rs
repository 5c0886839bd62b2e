//! `Changes`: the operating system's watch on a directory.
//!
//! Linux uses inotify directly. The crate `notify`, which builds on it, also compiles watches for
//! every other kind of file system.

use std::ffi::OsStr;

#[cfg(target_os = "linux")]
mod inotify;
#[cfg(target_os = "linux")]
pub(crate) use self::inotify::Changes;

#[cfg(not(target_os = "linux"))]
mod notify;
#[cfg(not(target_os = "linux"))]
pub(crate) use self::notify::Changes;

/// Whether a change of the entry with this name matters.
pub(crate) type Relevant = Box<dyn Fn(&OsStr) -> bool + Send + Sync>;
