//! Protobuf's wire format: reading with bounds, writing in one pass.
//!
//! Knows bytes, not types: what a field's bytes mean is [`crate::codec::field`]'s affair.

mod bounds;
mod fault;
mod reader;
mod wire;

pub use self::bounds::Bounds;
pub use self::fault::Fault;
pub use self::reader::Reader;
pub use self::wire::{Wire, put_bytes, put_key, put_nested, put_varint};
