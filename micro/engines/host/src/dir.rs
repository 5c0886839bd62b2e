//! The directory: where it belongs, and making sure that it is ours alone.
//!
//! Does not read the environment; whoever does passes in what it found.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use micro_message::error::{Error, ErrorKind, OrError, Result};

/// Where temporary files go when nobody says otherwise.
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
    // One level only: who owns a directory between could exchange the one below it.
    Ok(temp_dir.join(format!("micro-registry-{user}")))
}

/// A directory as it was made sure of: the same one, with the owner and mode that it had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    device: u64,
    inode: u64,
    owner: u32,
    mode: u32,
}

/// Makes the directory if need be, and refuses one that others could write to.
///
/// Nor may others put another in its place: of the directories above it, each belongs to us or to
/// root, and others may write to none but those in which only owners take away what is there
/// (sticky ones such as `/tmp`).
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

/// Tells this directory from another that comes in its place; `None` while there is none.
#[cfg(not(unix))]
pub(super) fn identity(dir: &Path) -> Option<Identity> {
    dir.is_dir().then_some(Identity {
        device: 0,
        inode: 0,
        owner: 0,
        mode: 0,
    })
}

/// Whether a file and the directory that it is in belong to the same user.
#[cfg(unix)]
pub(super) fn is_ours(file: &fs::Metadata, dir: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    file.uid() == dir.uid()
}

/// Whether a file and the directory that it is in belong to the same user.
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

/// Group and others.
#[cfg(unix)]
const OTHERS_WRITE: u32 = 0o022;

/// Makes sure that nobody else can put another directory in the place of this one.
#[cfg(unix)]
fn check_above(dir: &Path, me: u32) -> Result<()> {
    use std::os::unix::fs::MetadataExt;
    const STICKY: u32 = 0o1000;
    // Links are followed: what counts is where they lead.
    let dir = dir.canonicalize().or_error(
        ErrorKind::FailedPrecondition,
        format!("cannot find the directories above `{}`", dir.display()),
    )?;
    // Root itself, or as what it is seen from a user namespace that does not know it.
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
