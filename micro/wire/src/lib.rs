//! The formats that both ends of micro's HTTP protocols read and write: gRPC's frames and status,
//! metadata in headers, compression of messages, percent-encoding, lists with quality values.
//!
//! For the other crates of micro; semantic versioning does not cover it.

#![forbid(unsafe_code)]

mod compression;
pub mod grpc;
pub mod headers;
pub mod percent;
mod quality_values;

pub use self::compression::Compression;
pub use self::quality_values::quality_values;
