//! Text and bytes: `String`, `Arc<str>`, `Box<str>`, `Vec<u8>` as an element, and `Bytes`.

use std::sync::Arc;

use ::bytes::Bytes;
use serde::{Deserializer, Serializer};

use crate::codec::field::{Element, Field, Key};
use crate::codec::json::{Input, bytes, text};
use crate::codec::proto::{Bounds, DecodeError, Reader, Wire, put_bytes};
use crate::codec::types::{FieldType, Kind, Types};

macro_rules! delimited {
    ($type:ty, $kind:ident, $as_bytes:expr, $read:expr, $to_serde:expr, $from_serde:expr) => {
        impl Field for $type {
            fn ty(_: &mut Types) -> FieldType {
                FieldType::single(Kind::$kind)
            }

            fn absent(_: &mut Bounds) -> Result<Self, DecodeError> {
                Ok(Self::default())
            }

            #[inline]
            fn put(&self, tag: u32, out: &mut Vec<u8>) {
                if !self.is_empty() {
                    self.put_always(tag, out);
                }
            }

            #[inline]
            fn merge(
                slot: &mut Option<Self>,
                wire: Wire,
                reader: &mut Reader<'_>,
            ) -> Result<(), DecodeError> {
                *slot = Some(<Self as Element>::read(wire, reader)?);
                Ok(())
            }

            fn omit(&self) -> bool {
                self.is_empty()
            }

            fn to_serde<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                $to_serde(self, serializer)
            }

            fn from_serde<'de, D: Deserializer<'de>>(
                deserializer: D,
                input: &Input,
            ) -> Result<Self, D::Error> {
                $from_serde(deserializer, input).map(Into::into)
            }
        }

        impl Element for $type {
            fn kind(_: &mut Types) -> Kind {
                Kind::$kind
            }

            #[inline]
            fn put_always(&self, tag: u32, out: &mut Vec<u8>) {
                let as_bytes: fn(&Self) -> &[u8] = $as_bytes;
                put_bytes(tag, as_bytes(self), out);
            }

            #[inline]
            fn read(wire: Wire, reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
                if wire != Wire::Bytes {
                    return Err(DecodeError::Wire);
                }
                let read: fn(&mut Reader<'_>) -> Result<Self, DecodeError> = $read;
                read(reader)
            }
        }
    };
}

delimited!(
    String,
    String,
    |text| text.as_bytes(),
    |reader| {
        let text = reader.text()?;
        reader.charge(text.len())?;
        Ok(text.to_owned())
    },
    text::to_serde,
    text::from_serde
);

delimited!(
    Box<str>,
    String,
    |text| text.as_bytes(),
    |reader| String::read(Wire::Bytes, reader).map(Into::into),
    text::to_serde,
    text::from_serde
);

delimited!(
    Arc<str>,
    String,
    |text| text.as_bytes(),
    |reader| {
        let text = reader.text()?;
        reader.charge(text.len() + 2 * size_of::<usize>())?;
        Ok(text.into())
    },
    text::to_serde,
    text::from_serde
);

delimited!(
    Bytes,
    Bytes,
    |bytes| bytes,
    |reader| {
        let bytes = reader.bytes()?;
        reader.share(bytes)
    },
    bytes::to_serde,
    bytes::from_serde
);

impl Key for String {
    fn absent_key() -> Self {
        Self::new()
    }
}

// As a field, `Vec<u8>` is a list of `u8`, which is bytes. This impl is for `Vec<u8>` as an item of
// another list.
impl Element for Vec<u8> {
    fn kind(_: &mut Types) -> Kind {
        Kind::Bytes
    }

    #[inline]
    fn put_always(&self, tag: u32, out: &mut Vec<u8>) {
        put_bytes(tag, self, out);
    }

    #[inline]
    fn read(wire: Wire, reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        if wire != Wire::Bytes {
            return Err(DecodeError::Wire);
        }
        let bytes = reader.bytes()?;
        reader.charge(bytes.len())?;
        Ok(bytes.to_owned())
    }
}
