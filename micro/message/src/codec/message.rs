//! `Message`: what can be sent; and its erased twin for code that does not know the type.

use std::any::Any;
use std::sync::Arc;

use bytes::Bytes;

use crate::codec::types::Types;
use crate::error::Result;

/// A value that can be sent: protobuf and JSON codecs and a descriptor.
///
/// `#[micro::message]` implements it; by hand it is a page.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a message",
    label = "not a message",
    note = "if `{Self}` is your own struct or enum with data, put `#[micro::message]` on it",
    note = "to send a number, a string, a list or an enum without data, make it a field of such a \
            struct"
)]
pub trait Message: Sized + Send + Sync + 'static {
    /// Adds the descriptor of this message, and of all it contains, to `types`; returns the full
    /// protobuf name, for example `greeter.HelloRequest`.
    fn describe(types: &mut Types) -> String;

    /// Appends the protobuf encoding.
    fn encode(&self, out: &mut Vec<u8>);

    /// Reads the protobuf encoding; fields of type `Bytes` share the input's memory.
    ///
    /// # Errors
    ///
    /// `InvalidArgument`, naming the field, when the bytes are malformed or need more memory than
    /// `memory` bytes.
    fn decode(bytes: &Bytes, memory: usize) -> Result<Self>;

    /// Appends the JSON encoding (protobuf's JSON mapping).
    ///
    /// # Errors
    ///
    /// `Internal` when a value has no JSON form, such as a map key that is not a string or number.
    fn encode_json(&self, out: &mut Vec<u8>) -> Result<()>;

    /// Reads the JSON encoding, using at most `memory` bytes for the value.
    ///
    /// # Errors
    ///
    /// `InvalidArgument`, naming field, line and column.
    fn decode_json(bytes: &[u8], memory: usize) -> Result<Self>;

    /// The full protobuf name, for example `greeter.HelloRequest`.
    fn name() -> String {
        Self::describe(&mut Types::default())
    }
}

/// A message that says to which topic it belongs: `#[micro::message(topic = "…")]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no topic",
    label = "no topic",
    note = "if `{Self}` is your own struct or enum with data, put \
            `#[micro::message(topic = \"…\")]` on it"
)]
pub trait Topic: Message {
    /// The topic's name, for example `greeter.greeted`.
    const TOPIC: &'static str;
}

/// How a value is written as bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Codec {
    /// Protobuf's binary encoding. The default.
    #[default]
    Protobuf,
    /// Protobuf's JSON mapping.
    Json,
}

impl Codec {
    /// Appends a message in this codec.
    ///
    /// # Errors
    ///
    /// As [`Message::encode_json`]; protobuf never fails.
    pub fn encode<M: Message>(self, message: &M, out: &mut Vec<u8>) -> Result<()> {
        match self {
            Self::Protobuf => {
                message.encode(out);
                Ok(())
            }
            Self::Json => message.encode_json(out),
        }
    }

    /// Reads a message in this codec, using at most `memory` bytes for it.
    ///
    /// # Errors
    ///
    /// As [`Message::decode`] and [`Message::decode_json`].
    pub fn decode<M: Message>(self, bytes: &Bytes, memory: usize) -> Result<M> {
        match self {
            Self::Protobuf => M::decode(bytes, memory),
            Self::Json => M::decode_json(bytes, memory),
        }
    }
}

/// A message whose type is not known: encodes, and gives the value back to who knows it.
pub trait AnyMessage: Send + Sync + 'static {
    /// Appends the message in a codec.
    ///
    /// # Errors
    ///
    /// As [`Codec::encode`].
    fn encode(&self, codec: Codec, out: &mut Vec<u8>) -> Result<()>;

    /// The value, to look at.
    fn as_any(&self) -> &dyn Any;

    /// The value, to take.
    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync>;
}

impl<M: Message> AnyMessage for M {
    fn encode(&self, codec: Codec, out: &mut Vec<u8>) -> Result<()> {
        codec.encode(self, out)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync> {
        self
    }
}

impl std::fmt::Debug for dyn AnyMessage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AnyMessage")
    }
}
