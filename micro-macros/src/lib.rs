//! The attributes of micro; use them through the `micro` crate.
