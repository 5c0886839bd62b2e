//! The imports that are known without a file: `google/api/annotations.proto` and what it needs.
//!
//! Only what generated code follows from them: names and numbers of the fields of `HttpRule`.

use protox::Error;
use protox::file::{File, FileResolver};

const ANNOTATIONS: &str = r#"
syntax = "proto3";
package google.api;
import "google/api/http.proto";
import "google/protobuf/descriptor.proto";
extend google.protobuf.MethodOptions { HttpRule http = 72295728; }
"#;

const HTTP: &str = r#"
syntax = "proto3";
package google.api;
message Http {
  repeated HttpRule rules = 1;
  bool fully_decode_reserved_expansion = 2;
}
message HttpRule {
  string selector = 1;
  oneof pattern {
    string get = 2;
    string put = 3;
    string post = 4;
    string delete = 5;
    string patch = 6;
    CustomHttpPattern custom = 8;
  }
  string body = 7;
  string response_body = 12;
  repeated HttpRule additional_bindings = 11;
}
message CustomHttpPattern {
  string kind = 1;
  string path = 2;
}
"#;

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
