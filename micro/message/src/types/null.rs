//! `google.protobuf.NullValue`: an enum with one value, which is null in JSON.

use std::fmt;

use serde::de::{Error, Visitor};
use serde::{Deserializer, Serializer};

use crate::codec::field::{Element, Field};
use crate::codec::json::Input;
use crate::codec::proto::{Bounds, DecodeError, Reader, Wire};
use crate::codec::types::{EnumDescriptor, FieldType, Kind, Types};
use crate::codec::value::{Enumeration, ValueName, merge_enums, put_enum, put_enums, read_enum};

/// The only value of its type: JSON's null.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct NullValue;

impl Enumeration for NullValue {
    const VALUES: &'static [ValueName] = &[ValueName {
        number: 0,
        full: "NULL_VALUE",
        short: "NULL_VALUE",
        rust: "NullValue",
    }];

    fn full_name() -> String {
        "google.protobuf.NullValue".to_owned()
    }

    fn describe(types: &mut Types) -> String {
        let fill = |descriptor: &mut EnumDescriptor| descriptor.value(0, "NULL_VALUE", "", false);
        types.enumeration::<Self>("google.protobuf", "NullValue", fill)
    }

    fn number(&self) -> i32 {
        0
    }

    /// Every number means the only value.
    fn from_number(_: i32) -> Option<Self> {
        Some(Self)
    }
}

#[diagnostic::do_not_recommend]
impl Field for NullValue {
    fn ty(types: &mut Types) -> FieldType {
        FieldType::single(Self::kind(types))
    }

    fn absent(_: &mut Bounds) -> Result<Self, DecodeError> {
        Ok(Self)
    }

    fn put(&self, _: u32, _: &mut Vec<u8>) {}

    fn merge(
        slot: &mut Option<Self>,
        wire: Wire,
        reader: &mut Reader<'_>,
    ) -> Result<(), DecodeError> {
        *slot = Some(<Self as Element>::read(wire, reader)?);
        Ok(())
    }

    fn omit(&self) -> bool {
        true
    }

    fn to_serde<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_unit()
    }

    fn from_serde<'de, D: Deserializer<'de>>(deserializer: D, _: &Input) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NullVisitor)
    }

    fn null() -> Option<Self> {
        Some(Self)
    }
}

#[diagnostic::do_not_recommend]
impl Element for NullValue {
    fn kind(types: &mut Types) -> Kind {
        Kind::Enum(Self::describe(types))
    }

    fn put_always(&self, tag: u32, out: &mut Vec<u8>) {
        put_enum(self, tag, out);
    }

    fn read(wire: Wire, reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        read_enum(wire, reader)
    }

    fn put_list(list: &[Self], tag: u32, out: &mut Vec<u8>) {
        put_enums(list, tag, out);
    }

    fn merge_list(
        list: &mut Vec<Self>,
        wire: Wire,
        reader: &mut Reader<'_>,
    ) -> Result<(), DecodeError> {
        merge_enums(list, wire, reader)
    }
}

/// Accepts every spelling of the value: null, 0, or its name.
struct NullVisitor;

impl Visitor<'_> for NullVisitor {
    type Value = NullValue;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("null, the only allowed value")
    }

    fn visit_unit<E: Error>(self) -> Result<NullValue, E> {
        Ok(NullValue)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<NullValue, E> {
        is_null(number == 0)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<NullValue, E> {
        is_null(number == 0)
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<NullValue, E> {
        is_null(number == 0.0)
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<NullValue, E> {
        is_null(name == "NULL_VALUE")
    }
}

fn is_null<E: Error>(is_null: bool) -> Result<NullValue, E> {
    if is_null {
        Ok(NullValue)
    } else {
        Err(E::custom("null is the only allowed value"))
    }
}
