//! Codecs: bytes to values and back; protobuf and JSON from one definition.

mod message;
mod types;

pub use self::message::{AnyMessage, Codec, Message, Topic};
pub use self::types::Types;
