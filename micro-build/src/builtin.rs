//! The built-in imports: `google/api/annotations.proto` and its own imports.
//!
//! The runtime contains the same files for the `.proto` text that it writes. Each package has its
//! own copy, because a published package cannot include files of another one. A test checks that
//! the copies are equal.

use protox::Error;
use protox::file::{File, FileResolver};

const ANNOTATIONS: &str = include_str!("../proto/google/api/annotations.proto");
const HTTP: &str = include_str!("../proto/google/api/http.proto");

/// Resolves the built-in imports.
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
