//! `Payload`: one message on its way, as bytes or as the value itself.

use std::any::Any;
use std::sync::Arc;

use bytes::Bytes;

use crate::codec::{AnyMessage, Codec, Message};
use crate::error::{Error, Result};

/// One message on its way: bytes as they came, or the value itself.
///
/// Cheap to clone, so that a call can be tried again.
#[derive(Debug, Clone)]
#[non_exhaustive]
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
    /// # Errors
    ///
    /// As [`get`](Self::get).
    pub fn into_message<M: Message>(self) -> Result<M> {
        match self {
            Self::Encoded {
                codec,
                bytes,
                memory,
            } => codec.decode(&bytes, memory),
            Self::Value(value) => {
                let any: Arc<dyn Any + Send + Sync> = value.into_any();
                let value = any.downcast::<M>().map_err(|_| wrong_type::<M>())?;
                // Messages need not be `Clone`: a shared one is copied through its encoding.
                Arc::try_unwrap(value).or_else(|shared| {
                    let mut bytes = Vec::new();
                    shared.encode(&mut bytes);
                    M::decode(&bytes.into(), usize::MAX)
                })
            }
        }
    }

    /// Appends the encoded message to `out`.
    ///
    /// # Errors
    ///
    /// `Internal` when the value cannot be written in this codec, or when bytes of another codec
    /// would have to be translated without knowing their type.
    pub fn write(&self, codec: Codec, out: &mut Vec<u8>) -> Result<()> {
        match self {
            Self::Value(value) => value.encode(codec, out),
            Self::Encoded {
                codec: own, bytes, ..
            } if *own == codec => {
                out.extend_from_slice(bytes);
                Ok(())
            }
            Self::Encoded { codec: own, .. } => Err(Error::internal(format!(
                "cannot turn a message in {own:?} into {codec:?} without its type"
            ))),
        }
    }
}

fn wrong_type<M>() -> Error {
    Error::internal(format!(
        "the message is not a `{}`",
        std::any::type_name::<M>()
    ))
}
