//! Codecs: bytes to values and back; protobuf and JSON from one definition.

mod message;

pub use self::message::{AnyMessage, Codec, Message};
