//! `Option<T>`: a field that distinguishes absent from default.

use serde::{Deserializer, Serializer};

use crate::codec::field::{Element, Field};
use crate::codec::json::Input;
use crate::codec::proto::{Bounds, DecodeError, Reader, Wire};
use crate::codec::types::{FieldType, Types};

impl<T: Element> Field for Option<T> {
    fn ty(types: &mut Types) -> FieldType {
        FieldType::optional(T::kind(types))
    }

    fn absent(_: &mut Bounds) -> Result<Self, DecodeError> {
        Ok(None)
    }

    #[inline]
    fn put(&self, tag: u32, out: &mut Vec<u8>) {
        if let Some(value) = self {
            value.put_always(tag, out);
        }
    }

    #[inline]
    fn merge(
        slot: &mut Option<Self>,
        wire: Wire,
        reader: &mut Reader<'_>,
    ) -> Result<(), DecodeError> {
        T::merge(slot.get_or_insert(None), wire, reader)
    }

    fn omit(&self) -> bool {
        self.is_none()
    }

    fn null() -> Option<Self> {
        T::null().map(Some)
    }

    fn to_serde<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Some(value) => value.to_serde(serializer),
            None => serializer.serialize_none(),
        }
    }

    fn from_serde<'de, D: Deserializer<'de>>(
        deserializer: D,
        input: &Input,
    ) -> Result<Self, D::Error> {
        T::from_serde(deserializer, input).map(Some)
    }
}
