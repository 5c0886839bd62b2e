//! The directory: where it belongs, and making sure that it is ours alone.
//!
//! Does not read the environment; whoever does passes in what it found.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use micro_message::error::{Error, ErrorKind, OrError, Result};

/// Where temporary files go when nobody says otherwise.
pub(super) const USUAL_TEMP: &str = "/tmp";

pub(super) fn default(runtime_dir: Option<&Path>, temp_dir: &Path) -> Result<PathBuf> {
    if let Some(runtime) = runtime_dir {
        return Ok(runtime.join("micro/registry"));
    }
    let user = user_id(temp_dir).or_error(
        ErrorKind::FailedPrecondition,
        format!(
            "cannot write to `{}` to find a place for the host registry",
            temp_dir.display()
        ),
    )?;
    let usual = PathBuf::from(format!("/run/user/{user}"));
    if usual.is_dir() {
        return Ok(usual.join("micro/registry"));
    }
    // One level only: who owns a directory between could exchange the one below it.
    Ok(temp_dir.join(format!("micro-registry-{user}")))
}

/// Makes the directory if need be, and refuses one that others could write to.
pub(super) fn prepare(dir: &Path) -> Result<()> {
    let shown = dir.display();
    make(dir).map_err(|error| {
        let kind = match error.kind() {
            io::ErrorKind::PermissionDenied => ErrorKind::PermissionDenied,
            _ => ErrorKind::FailedPrecondition,
        };
        Error::new(kind, format!("cannot make directory `{shown}`")).with_source(error)
    })?;
    let found = fs::symlink_metadata(dir).or_error(
        ErrorKind::FailedPrecondition,
        format!("cannot look at directory `{shown}`"),
    )?;
    if !found.is_dir() {
        return Err(Error::failed_precondition(format!(
            "`{shown}` is no directory, remove it or choose another as `host:///path`"
        )));
    }
    check_owner(dir, &found)
}

/// Tells this directory from another that comes in its place; `None` while there is none.
#[cfg(unix)]
pub(super) fn identity(dir: &Path) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    let found = fs::symlink_metadata(dir).ok()?;
    found.is_dir().then(|| (found.dev(), found.ino()))
}

/// Tells this directory from another that comes in its place; `None` while there is none.
#[cfg(not(unix))]
pub(super) fn identity(dir: &Path) -> Option<(u64, u64)> {
    dir.is_dir().then_some((0, 0))
}

#[cfg(unix)]
fn make(dir: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
}

#[cfg(not(unix))]
fn make(dir: &Path) -> io::Result<()> {
    fs::create_dir_all(dir)
}

#[cfg(unix)]
fn check_owner(dir: &Path, found: &fs::Metadata) -> Result<()> {
    use std::os::unix::fs::MetadataExt;
    let shown = dir.display();
    let me = user_id(dir).or_error(
        ErrorKind::PermissionDenied,
        format!("cannot write to directory `{shown}`, choose another as `host:///path`"),
    )?;
    if found.uid() != me {
        return Err(Error::permission_denied(format!(
            "directory `{shown}` belongs to user {}, not to {me}; choose another as \
             `host:///path`",
            found.uid()
        )));
    }
    if found.mode() & 0o022 != 0 {
        return Err(Error::permission_denied(format!(
            "directory `{shown}` may be written to by others, run `chmod go-w` on it"
        )));
    }
    Ok(())
}

#[cfg(not(unix))]
fn check_owner(_dir: &Path, _found: &fs::Metadata) -> Result<()> {
    Ok(())
}

/// The id of the user we run as, seen on a file of our own making: the standard library has no
/// other way.
#[cfg(unix)]
fn user_id(dir: &Path) -> io::Result<u32> {
    use std::os::unix::fs::MetadataExt;
    let path = dir.join(super::file::temporary_name());
    let file = fs::File::create_new(&path)?;
    let user = file.metadata().map(|found| found.uid());
    fs::remove_file(&path)?;
    user
}

#[cfg(not(unix))]
fn user_id(_dir: &Path) -> io::Result<u32> {
    Ok(0)
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::file::tests::scratch;

    #[test]
    fn writable_by_others_is_refused() {
        let dir = scratch();
        prepare(dir.path()).unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o777)).unwrap();
        let error = prepare(dir.path()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PermissionDenied);
        assert!(error.message().contains("chmod go-w"), "{error}");
    }

    #[test]
    fn file_or_link_in_its_place_is_refused() {
        let dir = scratch();
        fs::create_dir_all(dir.path()).unwrap();
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(dir.path(), &link).unwrap();
        assert!(
            prepare(&link)
                .unwrap_err()
                .message()
                .contains("is no directory")
        );
    }

    #[test]
    fn default_is_per_user() {
        let runtime = default(Some(Path::new("/run/user/7")), Path::new("/nowhere")).unwrap();
        assert_eq!(runtime, Path::new("/run/user/7/micro/registry"));
        let dir = scratch();
        fs::create_dir_all(dir.path()).unwrap();
        let found = default(None, dir.path()).unwrap();
        let name = found.to_str().unwrap();
        assert!(
            name.contains("micro-registry-") || name.starts_with("/run/user/"),
            "{name}"
        );
        assert!(default(None, Path::new("/nowhere")).is_err());
    }
}
