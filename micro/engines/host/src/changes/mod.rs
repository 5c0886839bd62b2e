//! `Changes`: the operating system's watch on a directory.
//!
//! Linux uses inotify directly. The crate `notify`, which builds on it, also compiles watches for
//! every other kind of file system.

#[cfg(target_os = "linux")]
mod inotify;
#[cfg(target_os = "linux")]
pub(crate) use self::inotify::Changes;

#[cfg(not(target_os = "linux"))]
mod notify;
#[cfg(not(target_os = "linux"))]
pub(crate) use self::notify::Changes;
