//! `uuid::Uuid`: text in the hyphenated form. An absent UUID is an error, not the nil UUID.

use ::uuid::Uuid;
use serde::de::Error;
use serde::{Deserializer, Serializer};

use crate::codec::excerpt::cut;
use crate::codec::field::{Element, Field};
use crate::codec::json::{Input, text};
use crate::codec::proto::{Bounds, DecodeError, Reader, Wire, put_bytes};
use crate::codec::types::{FieldType, Kind, Types};

impl Field for Uuid {
    fn ty(_: &mut Types) -> FieldType {
        FieldType::single(Kind::String)
    }

    fn absent(_: &mut Bounds) -> Result<Self, DecodeError> {
        Err(DecodeError::Missing)
    }

    fn put(&self, tag: u32, out: &mut Vec<u8>) {
        self.put_always(tag, out);
    }

    fn merge(
        slot: &mut Option<Self>,
        wire: Wire,
        reader: &mut Reader<'_>,
    ) -> Result<(), DecodeError> {
        *slot = Some(Self::read(wire, reader)?);
        Ok(())
    }

    fn to_serde<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }

    fn from_serde<'de, D: Deserializer<'de>>(
        deserializer: D,
        input: &Input,
    ) -> Result<Self, D::Error> {
        let text = text::from_serde(deserializer, input)?;
        Self::try_parse(&text)
            .map_err(|_| D::Error::custom(format!("{:?} is not a UUID", cut(&text))))
    }
}

impl Element for Uuid {
    fn kind(_: &mut Types) -> Kind {
        Kind::String
    }

    fn put_always(&self, tag: u32, out: &mut Vec<u8>) {
        let mut buffer = Self::encode_buffer();
        put_bytes(
            tag,
            self.hyphenated().encode_lower(&mut buffer).as_bytes(),
            out,
        );
    }

    fn read(wire: Wire, reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        if wire != Wire::Bytes {
            return Err(DecodeError::Wire);
        }
        Self::try_parse(reader.text()?).map_err(|_| DecodeError::Uuid)
    }
}
