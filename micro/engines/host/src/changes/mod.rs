//! `Changes`: the operating system's watch on a directory.
//!
//! On Linux it is inotify itself: the crate `notify`, which stands on it, compiles watches of every
//! kind of file system.

#[cfg(target_os = "linux")]
mod inotify;
#[cfg(target_os = "linux")]
pub(crate) use self::inotify::Changes;

#[cfg(not(target_os = "linux"))]
mod notify;
#[cfg(not(target_os = "linux"))]
pub(crate) use self::notify::Changes;
