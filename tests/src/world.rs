//! An isolated environment for the programs of one test: a directory and settings that refer to it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

/// A directory for the programs of one test, and commands that run in it. It is removed when
/// dropped.
#[derive(Debug)]
pub struct World {
    root: PathBuf,
}

impl World {
    /// Creates an empty world.
    ///
    /// # Panics
    ///
    /// Panics if its directory cannot be created.
    pub fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let root = std::env::temp_dir().join(format!("micro-test-{}-{number}", std::process::id()));
        fs::create_dir_all(root.join("run")).expect("a place for temporary files");
        Self { root }
    }

    /// The world's directory, which is the working directory of its programs.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// URL of the registry of this world: a directory on this machine, without a network.
    pub fn registry(&self) -> String {
        format!("host://{}", self.root.join("registry").display())
    }

    /// A command that finds only the nodes of this world.
    pub fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = self.command_without_settings(program);
        command.env("MICRO_REGISTRY", self.registry());
        command
    }

    /// A command without settings: it uses the defaults, with its directories in this world. The
    /// network is not isolated, so give services unique names.
    pub fn command_without_settings(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new(program.as_ref());
        for (key, _) in std::env::vars_os() {
            if key.to_string_lossy().starts_with("MICRO_") {
                command.env_remove(key);
            }
        }
        command
            .current_dir(&self.root)
            .env_remove("PORT")
            .env("XDG_RUNTIME_DIR", self.root.join("run"))
            .env("XDG_DATA_HOME", self.root.join("data"));
        command
    }
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.root) {
            eprintln!("{} stays behind: {error}", self.root.display());
        }
    }
}
