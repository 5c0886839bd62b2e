//! `Payload`: one message on its way, as bytes or as the value itself.

use std::sync::Arc;

use bytes::Bytes;

use micro_message::codec::{AnyMessage, Codec, Message};
use micro_message::error::{Error, Result};

/// One message on its way: bytes as they came, or the value itself.
///
/// Cheap to clone, so that a call can be tried again.
#[derive(Debug, Clone)]
pub enum Payload {
    /// Encoded bytes.
    Encoded {
        /// How the bytes are to be read.
        codec: Codec,
        /// The bytes.
        bytes: Bytes,
        /// How many bytes of memory decoding may take.
        memory: usize,
    },
    /// The value.
    Value(Arc<dyn AnyMessage>),
}

impl Payload {
    /// A payload that holds the value itself.
    pub fn value<M: Message>(message: M) -> Self {
        Self::Value(Arc::new(message))
    }

    /// The value, decoded in place on the first look.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` when the bytes are not an `M`, `Internal` when the value is another type.
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
            // Not through the `Arc`: that is `Any` itself and knows itself as another type.
            Self::Value(value) => (**value)
                .as_any()
                .downcast_ref()
                .ok_or_else(wrong_type::<M>),
            Self::Encoded { .. } => unreachable!("it was decoded above"),
        }
    }

    /// Takes the value, decoding it if need be.
    ///
    /// A value of another type is read from its encoding, as it would be on a network: caller and
    /// service in one process may each have a type of their own for the message.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` when the bytes are not an `M`.
    pub fn into_message<M: Message>(self) -> Result<M> {
        match self {
            Self::Encoded {
                codec,
                bytes,
                memory,
            } => codec.decode(&bytes, memory),
            Self::Value(value) if !(*value).as_any().is::<M>() => transcoded(&*value),
            Self::Value(value) => match value.into_any().downcast::<M>() {
                // Messages need not be `Clone`: a shared one is copied through its encoding.
                Ok(value) => Arc::try_unwrap(value).or_else(|shared| transcoded(&*shared)),
                Err(_) => Err(wrong_type::<M>()),
            },
        }
    }

    /// The message, to look at and to write.
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
    /// As [`PayloadRef::write`].
    pub fn write(&self, codec: Codec, out: &mut Vec<u8>) -> Result<()> {
        self.as_ref().write(codec, out)
    }
}

/// A message that stays where it is: a [`Payload`] to look at.
#[derive(Debug, Clone, Copy)]
pub enum PayloadRef<'a> {
    /// Encoded bytes.
    Encoded {
        /// How the bytes are to be read.
        codec: Codec,
        /// The bytes.
        bytes: &'a [u8],
    },
    /// The value.
    Value(&'a dyn AnyMessage),
}

impl PayloadRef<'_> {
    /// Room for it and what frames it, as far as that is known before it is encoded.
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
    /// `Internal` when the value cannot be written in this codec, or when bytes of another codec
    /// would have to be translated without knowing their type.
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

    /// What another crate has for the same message.
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
