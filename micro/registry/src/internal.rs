//! Names for the other crates of micro. Semantic versioning does not cover them.

pub use crate::record::{
    MAX_OTHER_ADDRESSES, check_lookup_name, is_unverified, listening_on_all, listens_on_all,
    to_call, unverified,
};
pub use crate::watch::AbortOnDrop;
