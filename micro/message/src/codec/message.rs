//! `Message`: a value that can be sent; and `AnyMessage`, its type-erased counterpart.

use std::any::Any;
use std::sync::Arc;

use bytes::Bytes;

use crate::codec::types::Types;
use crate::error::Result;

/// A value that can be sent: it has protobuf and JSON codecs and a descriptor.
///
/// Use `#[micro::message]` to implement it.
///
/// # Examples
///
/// ```
/// use micro::codec::{Codec, Message};
///
/// #[micro::message]
/// #[derive(Debug, PartialEq)]
/// struct Point {
///     x: i32,
/// }
///
/// let mut bytes = Vec::new();
/// Codec::Json.encode(&Point { x: 3 }, &mut bytes)?;
/// assert_eq!(bytes, br#"{"x":3}"#);
/// let point = Point::decode_json(&bytes, 1024)?;
/// assert_eq!(point, Point { x: 3 });
/// # Ok::<(), micro::Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a message",
    label = "not a message",
    note = "if `{Self}` is your own struct or enum with data, put `#[micro::message]` on it",
    note = "to send a number, a string, a list or an enum without data, make it a field of such a \
            struct"
)]
pub trait Message: Sized + Send + Sync + 'static {
    /// Adds the descriptors of this message and of all messages it contains to `types`. Returns the
    /// full protobuf name, for example `greeter.HelloRequest`.
    fn describe(types: &mut Types) -> String;

    /// Appends the protobuf encoding.
    fn encode(&self, out: &mut Vec<u8>);

    /// Decodes the protobuf encoding. Fields of type `Bytes` share the memory of `bytes`.
    ///
    /// # Errors
    ///
    /// `InvalidArgument`, naming the field, when the bytes are malformed or decoding would allocate
    /// more than `memory` bytes.
    fn decode(bytes: &Bytes, memory: usize) -> Result<Self>;

    /// Appends the JSON encoding (protobuf's JSON mapping).
    ///
    /// # Errors
    ///
    /// `Internal` when a value has no JSON form, such as a map key that is not a string or number.
    fn encode_json(&self, out: &mut Vec<u8>) -> Result<()>;

    /// Decodes the JSON encoding, allocating at most `memory` bytes.
    ///
    /// # Errors
    ///
    /// `InvalidArgument`, naming field, line and column, when the JSON is malformed or decoding
    /// would allocate more than `memory` bytes.
    fn decode_json(bytes: &[u8], memory: usize) -> Result<Self>;

    /// The full protobuf name, for example `greeter.HelloRequest`.
    fn name() -> String {
        Self::describe(&mut Types::default())
    }
}

/// A message with a topic of its own: `#[micro::message(topic = "…")]`.
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

/// The encoding of values as bytes.
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

    /// Decodes a message in this codec, allocating at most `memory` bytes.
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

/// A type-erased message. It can be encoded, and downcast to its type.
pub trait AnyMessage: Send + Sync + 'static {
    /// Appends the message in a codec.
    ///
    /// # Errors
    ///
    /// As [`Codec::encode`].
    fn encode(&self, codec: Codec, out: &mut Vec<u8>) -> Result<()>;

    /// The message as `Any`, to downcast a reference.
    fn as_any(&self) -> &dyn Any;

    /// The message as `Any`, to downcast the `Arc`.
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
