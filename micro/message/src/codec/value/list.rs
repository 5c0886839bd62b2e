//! `Vec<T>`: the behavior that all lists share. The element type defines how its lists are encoded.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Error, SeqAccess, Visitor};
use serde::ser::SerializeSeq;
use serde::{Deserializer, Serializer};

use crate::codec::excerpt::wrong_type;
use crate::codec::field::{Element, Field};
use crate::codec::json::{Input, Output, Seed};
use crate::codec::proto::{Bounds, DecodeError, Reader, Wire};
use crate::codec::types::{FieldType, Types};

impl<T: Element> Field for Vec<T> {
    fn ty(types: &mut Types) -> FieldType {
        T::list_ty(types)
    }

    fn absent(_: &mut Bounds) -> Result<Self, DecodeError> {
        Ok(Self::new())
    }

    #[inline]
    fn put(&self, tag: u32, out: &mut Vec<u8>) {
        T::put_list(self, tag, out);
    }

    #[inline]
    fn merge(
        slot: &mut Option<Self>,
        wire: Wire,
        reader: &mut Reader<'_>,
    ) -> Result<(), DecodeError> {
        T::merge_list(slot.get_or_insert_with(Self::new), wire, reader)
    }

    fn omit(&self) -> bool {
        self.is_empty()
    }

    fn to_serde<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        T::list_to_serde(self, serializer)
    }

    fn from_serde<'de, D: Deserializer<'de>>(
        deserializer: D,
        input: &Input,
    ) -> Result<Self, D::Error> {
        T::list_from_serde(deserializer, input)
    }
}

pub(crate) fn list_to_serde<T: Element, S: Serializer>(
    list: &[T],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let mut sequence = serializer.serialize_seq(Some(list.len()))?;
    for item in list {
        sequence.serialize_element(&Output(item))?;
    }
    sequence.end()
}

pub(crate) fn list_from_serde<'de, T: Element, D: Deserializer<'de>>(
    deserializer: D,
    input: &Input,
) -> Result<Vec<T>, D::Error> {
    deserializer.deserialize_any(ListVisitor {
        input,
        of: PhantomData,
    })
}

struct ListVisitor<'a, T> {
    input: &'a Input,
    of: PhantomData<T>,
}

impl<'de, T: Element> Visitor<'de> for ListVisitor<'_, T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Err(wrong_type(text, &self))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut list = Vec::new();
        loop {
            match items.next_element_seed(Seed::new(self.input)) {
                Ok(Some(item)) => {
                    self.input.grow(&mut list)?;
                    list.push(item);
                }
                Ok(None) => return Ok(list),
                Err(error) => {
                    self.input.place().index(list.len());
                    return Err(error);
                }
            }
        }
    }
}
