//! Names for the other crates of micro. Semantic versioning does not cover them.

pub use crate::codec::excerpt::{excerpt, wrong_type};
pub use crate::codec::proto::{Reader, Wire, put_bytes, put_key, put_nested, put_varint};
pub use crate::codec::types::full_name;
pub use crate::metadata::{INHERITED, NOT_HANDLED, is_reserved};
pub use crate::sort::{sort_by, sort_by_key};
