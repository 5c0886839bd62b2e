//! `Config`: the files to compile, the output folder and other settings.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use crate::emit;
use crate::error::Error;
use crate::source;

/// The files to compile and the settings of the generated code.
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
#[must_use = "a config does nothing until `compile()` is called"]
pub struct Config {
    files: Vec<PathBuf>,
    includes: Vec<PathBuf>,
    out_dir: Option<PathBuf>,
    pub(crate) attributes: Vec<(String, String)>,
    pub(crate) externs: Vec<(String, String)>,
}

impl Config {
    /// Creates a config without files.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a `.proto` file. Its imports are compiled too.
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

    /// Adds a folder to search for imports. Default: the folder of each file.
    ///
    /// `google/protobuf/*.proto` and `google/api/annotations.proto` are built in.
    pub fn include(mut self, path: impl AsRef<Path>) -> Self {
        self.includes.push(path.as_ref().to_owned());
        self
    }

    /// Sets the folder for the generated Rust files. Default: the folder in the environment
    /// variable `OUT_DIR`, from which `micro::include_proto!` includes them.
    pub fn out_dir(mut self, path: impl Into<PathBuf>) -> Self {
        self.out_dir = Some(path.into());
        self
    }

    /// Adds an attribute to a message, enum, oneof, service, field or method, by its full name.
    ///
    /// The name of a package or message applies to all messages, enums and oneofs within it; `"."`
    /// applies to all messages, enums and oneofs.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), micro_build::Error> {
    /// micro_build::Config::new()
    ///     .file("proto/shop.proto")
    ///     .attribute("shop.v1.Item.name", "#[serde(skip)]")
    ///     .attribute("shop.v1", "#[derive(Eq, Hash)]")
    ///     .compile()
    /// # }
    /// ```
    pub fn attribute(mut self, name: impl Into<String>, attribute: impl Into<String>) -> Self {
        self.attributes.push((name.into(), attribute.into()));
        self
    }

    /// Uses existing Rust types instead of generating them, for a package or for a single type.
    ///
    /// For a package, `path` is the module that contains its types:
    /// `.extern_path("common.v1", "::common::proto::common::v1")` maps `common.v1.Money` to
    /// `::common::proto::common::v1::Money`.
    pub fn extern_path(mut self, name: impl Into<String>, path: impl Into<String>) -> Self {
        let name = name.into();
        let name = name.trim_start_matches('.').to_owned();
        self.externs.push((name, path.into()));
        self
    }

    /// Writes a Rust file for each package, and `micro-build.rs`, which includes all of them.
    ///
    /// Prints `cargo:rerun-if-changed` for each file that was read, so that Cargo runs the build
    /// script again when one of them changes.
    ///
    /// # Errors
    ///
    /// If no file was added, if `OUT_DIR` is not set, or if a file cannot be written. For
    /// mistakes in the `.proto` files the error lists file, line, column and a remedy: the first
    /// mistake of each file that cannot be parsed, or all definitions that cannot be expressed in
    /// Rust.
    pub fn compile(self) -> Result<(), Error> {
        if self.files.is_empty() {
            return Err(Error::new("no file to compile; add one with `.file(…)`"));
        }
        // Printed before anything can fail, so that Cargo notices when a broken file is corrected.
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
                "`OUT_DIR` is not set; call this from build.rs, or set a folder with `.out_dir(…)`",
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

    /// Returns the names and contents of the files that [`compile`](Self::compile) would write.
    ///
    /// # Errors
    ///
    /// If the `.proto` files contain mistakes, the same as [`compile`](Self::compile).
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

/// Writes a file, unless it already has this content: a new modification time would cause a
/// rebuild.
fn write(path: &Path, text: &str) -> Result<(), Error> {
    if fs::read(path).is_ok_and(|old| old == text.as_bytes()) {
        return Ok(());
    }
    if let Some(folder) = path
        .parent()
        .filter(|folder| folder.as_os_str() != OsStr::new(""))
    {
        fs::create_dir_all(folder).map_err(|error| {
            Error::new(format!(
                "cannot create the folder `{}`: {error}",
                folder.display()
            ))
        })?;
    }
    fs::write(path, text)
        .map_err(|error| Error::new(format!("cannot write `{}`: {error}", path.display())))
}
