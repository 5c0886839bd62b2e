//! Paths of the workspace on this machine.

use std::path::{Path, PathBuf};

/// Returns the root of the workspace.
///
/// # Panics
///
/// Panics if this package is not in a workspace.
pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the tests package stands in the workspace")
        .to_owned()
}
