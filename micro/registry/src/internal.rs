//! Names for the other crates of micro. Semantic versioning does not cover them.

pub use crate::record::{check_lookup_name, is_unverified, to_call, unverified};
pub use crate::watch::AbortOnDrop;
