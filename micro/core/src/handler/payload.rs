//! `Payload`: one message, as bytes or as a value.

use std::sync::Arc;

use bytes::Bytes;

use micro_message::codec::{AnyMessage, Codec, Message};
use micro_message::error::{Error, Result};

/// One message: received bytes, or the value itself.
///
/// Cheap to clone, so that a call can be retried.
#[derive(Debug, Clone)]
pub enum Payload {
    /// Encoded bytes.
    Encoded {
        /// Codec of the bytes.
        codec: Codec,
        /// The bytes.
        bytes: Bytes,
        /// Maximum number of bytes of memory that decoding may take.
        memory: usize,
    },
    /// The value.
    Value(Arc<dyn AnyMessage>),
}

impl Payload {
    /// Creates a payload from a value.
    pub fn value<M: Message>(message: M) -> Self {
        Self::Value(Arc::new(message))
    }

    /// Returns the value. Bytes are decoded in place on the first access.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` if the bytes are not an encoded `M`. `Internal` if the value has another
    /// type.
    pub fn get<M: Message>(&mut self) -> Result<&M> {
        if let Self::Encoded {
            codec,
            bytes,
            memory,
        } = self
        {
            *self = Self::value(codec.decode::<M>(bytes, *memory)?);
        }
        match self {
            // Dereferenced explicitly: the `Arc` itself also implements `Any`, with another type
            // id.
            Self::Value(value) => (**value)
                .as_any()
                .downcast_ref()
                .ok_or_else(wrong_type::<M>),
            Self::Encoded { .. } => unreachable!("it was decoded above"),
        }
    }

    /// Returns the value and consumes the payload. Bytes are decoded.
    ///
    /// A value of another type is encoded and decoded again, as it would be over a network: caller
    /// and service in one process may each have their own type for the message.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` if the bytes are not an encoded `M`.
    pub fn into_message<M: Message>(self) -> Result<M> {
        match self {
            Self::Encoded {
                codec,
                bytes,
                memory,
            } => codec.decode(&bytes, memory),
            Self::Value(value) if !(*value).as_any().is::<M>() => transcoded(&*value),
            Self::Value(value) => match value.into_any().downcast::<M>() {
                // Messages need not be `Clone`, so a shared one is copied by encoding and decoding
                // it.
                Ok(value) => Arc::try_unwrap(value).or_else(|shared| transcoded(&*shared)),
                Err(_) => Err(wrong_type::<M>()),
            },
        }
    }

    /// Returns a borrowed view of the message.
    pub fn as_ref(&self) -> PayloadRef<'_> {
        match self {
            Self::Encoded { codec, bytes, .. } => PayloadRef::Encoded {
                codec: *codec,
                bytes,
            },
            Self::Value(value) => PayloadRef::Value(&**value),
        }
    }

    /// Appends the encoded message to `out`.
    ///
    /// # Errors
    ///
    /// The errors of [`PayloadRef::write`].
    pub fn write(&self, codec: Codec, out: &mut Vec<u8>) -> Result<()> {
        self.as_ref().write(codec, out)
    }
}

/// A borrowed view of a [`Payload`].
#[derive(Debug, Clone, Copy)]
pub enum PayloadRef<'a> {
    /// Encoded bytes.
    Encoded {
        /// Codec of the bytes.
        codec: Codec,
        /// The bytes.
        bytes: &'a [u8],
    },
    /// The value.
    Value(&'a dyn AnyMessage),
}

impl PayloadRef<'_> {
    /// Capacity to reserve for the message and its frame header, as far as it is known before
    /// encoding.
    #[doc(hidden)]
    pub fn room(self) -> usize {
        const FRAME_OVERHEAD: usize = 8;
        const DEFAULT_CAPACITY: usize = 256;
        match self {
            Self::Encoded { bytes, .. } => FRAME_OVERHEAD + bytes.len(),
            Self::Value(_) => DEFAULT_CAPACITY,
        }
    }

    /// Appends the encoded message to `out`.
    ///
    /// # Errors
    ///
    /// `Internal` if the value cannot be encoded with this codec, or if the bytes use another
    /// codec: they cannot be transcoded without their type.
    pub fn write(self, codec: Codec, out: &mut Vec<u8>) -> Result<()> {
        match self {
            Self::Value(value) => value.encode(codec, out),
            Self::Encoded { codec: own, bytes } if own == codec => {
                out.extend_from_slice(bytes);
                Ok(())
            }
            Self::Encoded { codec: own, .. } => Err(Error::internal(format!(
                "cannot turn a message in {own:?} into {codec:?} without its type"
            ))),
        }
    }
}

fn transcoded<M: Message>(value: &dyn AnyMessage) -> Result<M> {
    let mut bytes = Vec::new();
    value.encode(Codec::Protobuf, &mut bytes)?;
    M::decode(&bytes.into(), usize::MAX)
}

fn wrong_type<M>() -> Error {
    Error::internal(format!(
        "the message is not a `{}`",
        std::any::type_name::<M>()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[micro::message]
    #[derive(Debug, PartialEq)]
    struct Question {
        text: String,
    }

    /// The type that another crate has for the same message.
    #[micro::message]
    #[derive(Debug, PartialEq)]
    struct Asked {
        text: String,
    }

    fn question() -> Question {
        let text = "why".to_owned();
        Question { text }
    }

    #[test]
    fn a_value_arrives_as_itself_or_as_another_type_of_the_same_fields() {
        assert_eq!(
            Payload::value(question())
                .into_message::<Question>()
                .unwrap(),
            question()
        );
        assert_eq!(
            Payload::value(question())
                .into_message::<Asked>()
                .unwrap()
                .text,
            "why"
        );
    }

    #[test]
    fn a_shared_value_is_copied() {
        let payload = Payload::value(question());
        let copy = payload.clone();
        assert_eq!(payload.into_message::<Question>().unwrap(), question());
        assert_eq!(copy.into_message::<Question>().unwrap(), question());
    }

    #[test]
    fn looking_with_the_wrong_type_is_an_error_and_changes_nothing() {
        let mut payload = Payload::value(question());
        assert!(payload.get::<Asked>().is_err());
        assert_eq!(payload.get::<Question>().unwrap(), &question());
    }
}
