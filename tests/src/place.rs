//! Where things are: the workspace on this machine.

use std::path::{Path, PathBuf};

/// The root of the workspace.
///
/// # Panics
///
/// When this package does not stand in a workspace.
pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the tests package stands in the workspace")
        .to_owned()
}
