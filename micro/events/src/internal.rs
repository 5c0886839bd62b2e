//! Names for the other crates of micro. Semantic versioning does not cover them.

pub use crate::url::Query;
