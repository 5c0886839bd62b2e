//! Protobuf's wire format: bounded reading, and writing in one pass.
//!
//! This module knows bytes, not types: [`crate::codec::field`] defines the meaning of a field's
//! bytes.

mod bounds;
mod decode_error;
mod reader;
mod wire;

pub use self::bounds::Bounds;
pub use self::decode_error::DecodeError;
pub use self::reader::Reader;
pub use self::wire::{Wire, put_bytes, put_key, put_nested, put_varint};
