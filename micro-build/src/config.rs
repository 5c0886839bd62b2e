//! `Config`: which files, where to, and what is different from the defaults.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use crate::emit;
use crate::error::Error;
use crate::source;

/// What to compile, and how.
///
/// ```no_run
/// # fn main() -> Result<(), micro_build::Error> {
/// micro_build::Config::new()
///     .file("proto/shop/v1/cart.proto")
///     .include("proto")
///     .attribute("shop.v1.Item", "#[derive(Eq, Hash)]")
///     .extern_path("common.v1", "::common::proto::common::v1")
///     .compile()
/// # }
/// ```
#[derive(Debug, Clone, Default)]
#[must_use = "nothing happens before `compile()`"]
pub struct Config {
    files: Vec<PathBuf>,
    includes: Vec<PathBuf>,
    out_dir: Option<PathBuf>,
    pub(crate) attributes: Vec<(String, String)>,
    pub(crate) externs: Vec<(String, String)>,
}

impl Config {
    /// Nothing to compile yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a `.proto` file; what it imports is compiled with it.
    pub fn file(mut self, path: impl AsRef<Path>) -> Self {
        self.files.push(path.as_ref().to_owned());
        self
    }

    /// Adds several `.proto` files.
    pub fn files(mut self, paths: impl IntoIterator<Item = impl AsRef<Path>>) -> Self {
        let paths = paths.into_iter().map(|path| path.as_ref().to_owned());
        self.files.extend(paths);
        self
    }

    /// Adds a folder in which imports are looked for. Default: the folder of each file.
    ///
    /// `google/protobuf/*.proto` and `google/api/annotations.proto` are known without any.
    pub fn include(mut self, path: impl AsRef<Path>) -> Self {
        self.includes.push(path.as_ref().to_owned());
        self
    }

    /// Sets where the Rust files go. Default: the environment's `OUT_DIR`, where
    /// `micro::include_proto!` looks for them.
    pub fn out_dir(mut self, path: impl Into<PathBuf>) -> Self {
        self.out_dir = Some(path.into());
        self
    }

    /// Writes attributes before a message, enum, oneof, service, field or method, by full name:
    /// `.attribute("shop.v1.Item.name", "#[serde(skip)]")`. The name of a package or message
    /// stands for all messages, enums and oneofs in it, `"."` for all there are.
    pub fn attribute(mut self, name: impl Into<String>, attribute: impl Into<String>) -> Self {
        self.attributes.push((name.into(), attribute.into()));
        self
    }

    /// Uses types that exist already instead of generating them: a package's module, or one type.
    /// `.extern_path("common.v1", "::common::proto::common::v1")` takes `common.v1.Money` for
    /// `::common::proto::common::v1::Money`.
    pub fn extern_path(mut self, name: impl Into<String>, path: impl Into<String>) -> Self {
        let name = name.into();
        let name = name.trim_start_matches('.').to_owned();
        self.externs.push((name, path.into()));
        self
    }

    /// Compiles: a Rust file for each package, and `micro-build.rs` that holds all of them.
    ///
    /// Tells Cargo which files were read, so that it runs again when one of them changes.
    ///
    /// # Errors
    ///
    /// Names file, line and column of what is wrong in the `.proto` files, and what to write
    /// instead: of each file that cannot be read the first mistake; of files that can, everything
    /// that has no form in Rust.
    pub fn compile(self) -> Result<(), Error> {
        if self.files.is_empty() {
            return Err(Error::new(
                "nothing to compile; name a file with `.file(…)`",
            ));
        }
        // Before anything can fail, so that mending a file is noticed.
        println!("cargo:rerun-if-changed=build.rs");
        for file in &self.files {
            println!("cargo:rerun-if-changed={}", file.display());
        }
        let out_dir = self
            .out_dir
            .clone()
            .or_else(|| env::var_os("OUT_DIR").map(PathBuf::from));
        let out_dir = out_dir.ok_or_else(|| {
            Error::new(
                "no `OUT_DIR` in the environment; call this from build.rs, or say `.out_dir(…)`",
            )
        })?;
        let (pool, read) = source::read(&self.files, &self.includes())?;
        for file in read {
            println!("cargo:rerun-if-changed={}", file.display());
        }
        for (name, text) in emit::files(&pool, &self)? {
            write(&out_dir.join(name), &text)?;
        }
        Ok(())
    }

    /// What would be written: names of files and their texts.
    ///
    /// # Errors
    ///
    /// As [`compile`](Self::compile).
    pub fn generate(&self) -> Result<Vec<(String, String)>, Error> {
        let (pool, _) = source::read(&self.files, &self.includes())?;
        emit::files(&pool, self)
    }

    fn includes(&self) -> Vec<PathBuf> {
        if !self.includes.is_empty() {
            return self.includes.clone();
        }
        let mut folders: Vec<PathBuf> = Vec::new();
        for file in &self.files {
            let folder = file.parent().filter(|path| *path != Path::new(""));
            let folder = folder.unwrap_or(Path::new(".")).to_owned();
            if !folders.contains(&folder) {
                folders.push(folder);
            }
        }
        folders
    }
}

/// Leaves a file alone that has this text already, so that nothing is built again.
fn write(path: &Path, text: &str) -> Result<(), Error> {
    if fs::read(path).is_ok_and(|old| old == text.as_bytes()) {
        return Ok(());
    }
    if let Some(folder) = path
        .parent()
        .filter(|folder| folder.as_os_str() != OsStr::new(""))
    {
        fs::create_dir_all(folder)
            .map_err(|error| Error::new(format!("cannot make {}: {error}", folder.display())))?;
    }
    fs::write(path, text)
        .map_err(|error| Error::new(format!("cannot write {}: {error}", path.display())))
}
