//! What both ends of micro's HTTP protocols write and read, stated once: compression of messages,
//! lists with quality values.
//!
//! For the other crates of micro; semantic versioning does not cover it.

mod compression;
mod quality_values;

pub use self::compression::Compression;
pub use self::quality_values::quality_values;
