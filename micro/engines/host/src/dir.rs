//! The directory of the registry: its default path, and the checks that only this user can write to
//! it.
//!
//! This module does not read the environment. Callers pass its values.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use micro_message::error::{Error, ErrorKind, OrError, Result};

/// Default directory for temporary files.
pub(super) const DEFAULT_TEMP: &str = "/tmp";

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
    // Use one level only: the owner of an intermediate directory could replace the one below it.
    Ok(temp_dir.join(format!("micro-registry-{user}")))
}

/// Identity of a checked directory, with its owner and mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    device: u64,
    inode: u64,
    owner: u32,
    mode: u32,
}

/// Creates the directory if necessary, and refuses one that other users can write to.
///
/// Other users must not be able to replace the directory either. Each directory above it must
/// belong to this user or to root. It must not be writable for others, unless it is sticky (such as
/// `/tmp`), so that only owners can remove entries.
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
            "`{shown}` is not a directory; remove it or choose another as `host:///path`"
        )));
    }
    check_owner(dir, &found)
}

/// Returns the identity that distinguishes this directory from a later one with the same path.
/// `None` if it does not exist.
#[cfg(unix)]
pub(super) fn identity(dir: &Path) -> Option<Identity> {
    use std::os::unix::fs::MetadataExt;
    let found = fs::symlink_metadata(dir).ok()?;
    found.is_dir().then(|| Identity {
        device: found.dev(),
        inode: found.ino(),
        owner: found.uid(),
        mode: found.mode(),
    })
}

/// Returns the identity that distinguishes this directory from a later one with the same path.
/// `None` if it does not exist.
#[cfg(not(unix))]
pub(super) fn identity(dir: &Path) -> Option<Identity> {
    dir.is_dir().then_some(Identity {
        device: 0,
        inode: 0,
        owner: 0,
        mode: 0,
    })
}

/// Whether a file and its directory belong to the same user.
#[cfg(unix)]
pub(super) fn is_ours(file: &fs::Metadata, dir: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    file.uid() == dir.uid()
}

/// Whether a file and its directory belong to the same user.
#[cfg(not(unix))]
pub(super) fn is_ours(_file: &fs::Metadata, _dir: &fs::Metadata) -> bool {
    true
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
    let mode = found.mode() & 0o7777;
    if found.uid() != me {
        return Err(Error::permission_denied(format!(
            "directory `{shown}` (mode {mode:04o}) belongs to user {}, not to {me}; choose another \
             as `host:///path`",
            found.uid()
        )));
    }
    if mode & OTHERS_WRITE != 0 {
        return Err(Error::permission_denied(format!(
            "directory `{shown}` of user {me} has mode {mode:04o}, so others may write to it; run \
             `chmod go-w {shown}`"
        )));
    }
    check_above(dir, me)
}

/// Write permission bits of group and others.
#[cfg(unix)]
const OTHERS_WRITE: u32 = 0o022;

/// Checks that no other user can replace the directory.
#[cfg(unix)]
fn check_above(dir: &Path, me: u32) -> Result<()> {
    use std::os::unix::fs::MetadataExt;
    const STICKY: u32 = 0o1000;
    // Follow links: the target is what matters.
    let dir = dir.canonicalize().or_error(
        ErrorKind::FailedPrecondition,
        format!("cannot find the directories above `{}`", dir.display()),
    )?;
    // Root itself, or the id under which root appears in a user namespace that does not map it.
    let root = fs::metadata("/").map_or(0, |found| found.uid());
    for above in dir.ancestors().skip(1) {
        let shown = above.display();
        let found = fs::metadata(above).or_error(
            ErrorKind::FailedPrecondition,
            format!("cannot look at directory `{shown}`"),
        )?;
        let (owner, mode) = (found.uid(), found.mode() & 0o7777);
        let trusted = owner == me || owner == 0 || owner == root;
        if trusted && (mode & OTHERS_WRITE == 0 || mode & STICKY != 0) {
            continue;
        }
        return Err(Error::permission_denied(format!(
            "directory `{shown}` of user {owner} has mode {mode:04o}, so others may exchange the \
             host registry in `{}`; run `chmod go-w {shown}` or choose another directory as \
             `host:///path`",
            dir.display()
        )));
    }
    Ok(())
}

#[cfg(not(unix))]
fn check_owner(_dir: &Path, _found: &fs::Metadata) -> Result<()> {
    Ok(())
}

/// Returns the id of the current user, taken from a newly created file. The standard library has no
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
        let expected = format!("run `chmod go-w {}`", dir.path().display());
        assert!(error.message().contains(&expected), "{error}");
        assert!(error.message().contains("mode 0777"), "{error}");
    }

    #[test]
    fn directory_that_others_can_exchange_is_refused() {
        let above = scratch();
        let dir = above.path().join("registry");
        prepare(&dir).unwrap();
        for (mode, good) in [
            (0o777, false),
            (0o770, false),
            (0o1777, true),
            (0o755, true),
        ] {
            fs::set_permissions(above.path(), fs::Permissions::from_mode(mode)).unwrap();
            let prepared = prepare(&dir);
            assert_eq!(prepared.is_ok(), good, "{mode:o}");
            let Err(error) = prepared else { continue };
            assert_eq!(error.kind(), ErrorKind::PermissionDenied);
            let path = above.path().display().to_string();
            for word in [
                &*path,
                &format!("mode {mode:04o}"),
                "chmod go-w",
                "host:///path",
            ] {
                assert!(error.message().contains(word), "{error}");
            }
        }
    }

    #[test]
    fn change_of_owner_or_mode_is_another_directory() {
        let dir = scratch();
        prepare(dir.path()).unwrap();
        let before = identity(dir.path());
        assert_eq!(before, identity(dir.path()));
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        assert_ne!(before, identity(dir.path()));
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
                .contains("is not a directory")
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
