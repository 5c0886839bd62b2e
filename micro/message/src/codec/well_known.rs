//! Messages with a special JSON form: the trait `WellKnown`, and the macro `known!` that implements
//! the other traits for them.

use ::bytes::Bytes;
use serde::{Deserializer, Serialize, Serializer};

use crate::codec::json::Input;
use crate::codec::proto::{DecodeError, Reader, Wire};
use crate::codec::types::Types;
use crate::error::{Error, Result};

/// A message whose JSON form is not an object of its fields.
pub(crate) trait WellKnown: Sized + Send + Sync + 'static {
    /// The full protobuf name.
    fn full_name() -> String;

    /// Adds the descriptor and returns the full name.
    fn describe(types: &mut Types) -> String;

    /// Appends the fields.
    fn write(&self, out: &mut Vec<u8>);

    /// Reads fields until the end of the message. An empty message is the default value.
    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError>;

    /// Writes the value through serde.
    fn to_serde<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error>;

    /// Reads the value through serde.
    fn from_serde<'de, D: Deserializer<'de>>(
        deserializer: D,
        input: &Input,
    ) -> Result<Self, D::Error>;

    /// The value that null stands for, if it is one.
    fn null() -> Option<Self> {
        None
    }
}

/// Reads one occurrence and merges it into an earlier one: the result is that of decoding the
/// concatenated bytes.
pub(crate) fn merge<K: WellKnown>(
    slot: &mut Option<K>,
    wire: Wire,
    reader: &mut Reader<'_>,
) -> Result<(), DecodeError> {
    if wire != Wire::Bytes {
        return Err(DecodeError::Wire);
    }
    let Some(earlier) = slot.take() else {
        *slot = Some(reader.nested(K::read)?);
        return Ok(());
    };
    let later = reader.bytes()?;
    let mut bytes = Vec::new();
    earlier.write(&mut bytes);
    drop(earlier);
    reader.charge(bytes.len() + later.len())?;
    bytes.extend_from_slice(later);
    *slot = Some(reader.elsewhere(&bytes, K::read)?);
    Ok(())
}

/// Reads a whole message.
pub(crate) fn decode<K: WellKnown>(bytes: &Bytes, memory: usize) -> Result<K> {
    let mut reader = Reader::shared(bytes, memory);
    K::read(&mut reader).map_err(|fault| {
        Error::invalid_argument(format!("cannot read `{}`: {fault}", K::full_name()))
    })
}

/// Appends a whole message as JSON.
pub(crate) fn encode_json<K: WellKnown>(value: &K, out: &mut Vec<u8>) -> Result<()> {
    serde_json::to_writer(out, &Body(value)).map_err(|error| {
        Error::internal(format!("cannot write `{}` as JSON", K::full_name())).with_source(error)
    })
}

/// Reads a whole message from JSON.
pub(crate) fn decode_json<K: WellKnown>(bytes: &[u8], memory: usize) -> Result<K> {
    let input = Input::new(memory);
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let result = K::from_serde(&mut deserializer, &input);
    let result = result.and_then(|value| deserializer.end().map(|()| value));
    result.map_err(|error| {
        let name = K::full_name();
        Error::invalid_argument(format!("cannot read `{name}` from JSON: {error}"))
    })
}

/// Serializes a value.
pub(crate) struct Body<'a, K>(pub(crate) &'a K);

impl<K: WellKnown> Serialize for Body<'_, K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.to_serde(serializer)
    }
}

/// Reads a value through serde. Only the deserializer's own limits apply.
pub(crate) fn deserialize<'de, K: WellKnown, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<K, D::Error> {
    K::from_serde(deserializer, &Input::new(usize::MAX))
}

/// Implements `Field`, `Element`, `Message` and serde's traits for a `WellKnown` type. The impls
/// are `do_not_recommend`, so that the compiler does not list them in its errors: the notes of the
/// traits contain the remedy.
macro_rules! known {
    ($type:ty) => {
        crate::codec::well_known::known!(message $type);

        #[diagnostic::do_not_recommend]
        impl crate::codec::field::Field for $type {
            fn ty(types: &mut crate::codec::types::Types) -> crate::codec::types::FieldType {
                let kind = <Self as crate::codec::field::Element>::kind(types);
                crate::codec::types::FieldType::single(kind)
            }

            fn absent(
                bounds: &mut crate::codec::proto::Bounds,
            ) -> Result<Self, crate::codec::proto::DecodeError> {
                let mut reader = crate::codec::proto::Reader::bounded(&[], *bounds);
                let value = <Self as crate::codec::well_known::WellKnown>::read(&mut reader);
                *bounds = reader.bounds();
                value
            }

            fn put(&self, tag: u32, out: &mut Vec<u8>) {
                crate::codec::field::Element::put_always(self, tag, out);
            }

            fn merge(
                slot: &mut Option<Self>,
                wire: crate::codec::proto::Wire,
                reader: &mut crate::codec::proto::Reader<'_>,
            ) -> Result<(), crate::codec::proto::DecodeError> {
                crate::codec::well_known::merge(slot, wire, reader)
            }

            fn to_serde<S: ::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                crate::codec::well_known::WellKnown::to_serde(self, serializer)
            }

            fn from_serde<'de, D: ::serde::Deserializer<'de>>(
                deserializer: D,
                input: &crate::codec::json::Input,
            ) -> Result<Self, D::Error> {
                crate::codec::well_known::WellKnown::from_serde(deserializer, input)
            }

            fn null() -> Option<Self> {
                <Self as crate::codec::well_known::WellKnown>::null()
            }
        }

        #[diagnostic::do_not_recommend]
        impl crate::codec::field::Element for $type {
            fn kind(types: &mut crate::codec::types::Types) -> crate::codec::types::Kind {
                let name = <Self as crate::codec::well_known::WellKnown>::describe(types);
                crate::codec::types::Kind::Message(name)
            }

            fn put_always(&self, tag: u32, out: &mut Vec<u8>) {
                crate::codec::proto::put_nested(tag, out, |out| {
                    crate::codec::well_known::WellKnown::write(self, out);
                });
            }

            fn read(
                wire: crate::codec::proto::Wire,
                reader: &mut crate::codec::proto::Reader<'_>,
            ) -> Result<Self, crate::codec::proto::DecodeError> {
                if wire != crate::codec::proto::Wire::Bytes {
                    return Err(crate::codec::proto::DecodeError::Wire);
                }
                reader.nested(<Self as crate::codec::well_known::WellKnown>::read)
            }
        }

        impl ::serde::Serialize for $type {
            fn serialize<S: ::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                crate::codec::well_known::WellKnown::to_serde(self, serializer)
            }
        }

        impl<'de> ::serde::Deserialize<'de> for $type {
            fn deserialize<D: ::serde::Deserializer<'de>>(
                deserializer: D,
            ) -> Result<Self, D::Error> {
                crate::codec::well_known::deserialize(deserializer)
            }
        }
    };
    (message $type:ty) => {
        #[diagnostic::do_not_recommend]
        impl crate::codec::Message for $type {
            fn describe(types: &mut crate::codec::types::Types) -> String {
                <Self as crate::codec::well_known::WellKnown>::describe(types)
            }

            fn encode(&self, out: &mut Vec<u8>) {
                crate::codec::well_known::WellKnown::write(self, out);
            }

            fn decode(bytes: &::bytes::Bytes, memory: usize) -> crate::error::Result<Self> {
                crate::codec::well_known::decode(bytes, memory)
            }

            fn encode_json(&self, out: &mut Vec<u8>) -> crate::error::Result<()> {
                crate::codec::well_known::encode_json(self, out)
            }

            fn decode_json(bytes: &[u8], memory: usize) -> crate::error::Result<Self> {
                crate::codec::well_known::decode_json(bytes, memory)
            }

            fn name() -> String {
                <Self as crate::codec::well_known::WellKnown>::full_name()
            }
        }
    };
}
pub(crate) use known;
