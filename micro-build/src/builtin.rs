//! The imports that are known without a file: `google/api/annotations.proto` and what it needs.
//!
//! The runtime has the same files for the `.proto` text that it writes; a package is published
//! without its neighbours, so each has its own, and the tests hold them alike.

use protox::Error;
use protox::file::{File, FileResolver};

const ANNOTATIONS: &str = include_str!("../proto/google/api/annotations.proto");
const HTTP: &str = include_str!("../proto/google/api/http.proto");

/// Resolves the imports that are known without a file.
#[derive(Debug)]
pub(crate) struct Builtin;

impl FileResolver for Builtin {
    fn open_file(&self, name: &str) -> Result<File, Error> {
        match name {
            "google/api/annotations.proto" => File::from_source(name, ANNOTATIONS),
            "google/api/http.proto" => File::from_source(name, HTTP),
            _ => Err(Error::file_not_found(name)),
        }
    }
}
