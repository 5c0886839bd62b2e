//! Enums without data: a number on the wire, a name in JSON.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Error, Visitor};
use serde::{Deserializer, Serializer};

use crate::codec::excerpt::cut;
use crate::codec::proto::{Bounds, DecodeError, Reader, Wire, put_key, put_nested, put_varint};
use crate::codec::types::Types;

/// An enum without data. `#[micro::message]` implements it.
pub trait Enumeration: Sized + Send + Sync + 'static {
    /// The values.
    const VALUES: &'static [ValueName];

    /// The full protobuf name.
    fn full_name() -> String;

    /// Adds the descriptor and returns the full name.
    fn describe(types: &mut Types) -> String;

    /// The number on the wire.
    fn number(&self) -> i32;

    /// The variant with this number.
    fn from_number(number: i32) -> Option<Self>;
}

/// A value's number and names.
#[derive(Debug, Clone, Copy)]
pub struct ValueName {
    /// The number on the wire.
    pub number: i32,
    /// The name in descriptors and JSON, for example `STATUS_ACTIVE`.
    pub full: &'static str,
    /// The name without its prefix, for example `ACTIVE`.
    pub short: &'static str,
    /// The variant's name, for example `Active`.
    pub rust: &'static str,
}

/// Appends an enum's value as a field.
#[inline]
pub fn put_enum<E: Enumeration>(value: &E, tag: u32, out: &mut Vec<u8>) {
    put_key(tag, Wire::Varint, out);
    put_number(value, out);
}

#[inline]
fn put_number<E: Enumeration>(value: &E, out: &mut Vec<u8>) {
    put_varint(i64::from(value.number()).cast_unsigned(), out);
}

/// Reads an enum's value.
#[inline]
pub fn read_enum<E: Enumeration>(wire: Wire, reader: &mut Reader<'_>) -> Result<E, DecodeError> {
    if wire != Wire::Varint {
        return Err(DecodeError::Wire);
    }
    read_number(reader)
}

#[inline]
#[expect(
    clippy::cast_possible_truncation,
    reason = "protobuf truncates an enum's number to 32 bits"
)]
fn read_number<E: Enumeration>(reader: &mut Reader<'_>) -> Result<E, DecodeError> {
    let number = reader.varint()? as i32;
    E::from_number(number).ok_or(DecodeError::Number(number))
}

/// The value of an enum field that was not sent: the variant with the number 0.
pub fn absent_enum<E: Enumeration>(_: &mut Bounds) -> Result<E, DecodeError> {
    E::from_number(0).ok_or(DecodeError::Missing)
}

/// Appends a list of enum values, packed.
pub fn put_enums<E: Enumeration>(list: &[E], tag: u32, out: &mut Vec<u8>) {
    if !list.is_empty() {
        put_nested(tag, out, |out| {
            for value in list {
                put_number(value, out);
            }
        });
    }
}

/// Reads one occurrence of a list of enum values, packed or not.
pub fn merge_enums<E: Enumeration>(
    list: &mut Vec<E>,
    wire: Wire,
    reader: &mut Reader<'_>,
) -> Result<(), DecodeError> {
    if wire != Wire::Bytes {
        reader.grow(list, 1)?;
        let value = read_enum(wire, reader);
        return push(list, value, reader);
    }
    let bytes = reader.bytes()?;
    reader.grow(list, Reader::count_varints(bytes))?;
    reader.within(bytes, |reader| {
        while reader.left() > 0 {
            let value = read_number(reader);
            push(list, value, reader)?;
        }
        Ok(())
    })
}

fn push<E>(
    list: &mut Vec<E>,
    value: Result<E, DecodeError>,
    reader: &mut Reader<'_>,
) -> Result<(), DecodeError> {
    match value {
        Ok(value) => {
            list.push(value);
            Ok(())
        }
        Err(fault) => Err(reader.at_index(fault, list.len())),
    }
}

/// Writes an enum's value through serde: its name, or its number if it has no name.
pub fn enum_to_serde<E: Enumeration, S: Serializer>(
    value: &E,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let number = value.number();
    match E::VALUES.iter().find(|value| value.number == number) {
        Some(value) => serializer.serialize_str(value.full),
        None => serializer.serialize_i32(number),
    }
}

/// Reads an enum's value through serde: any of its names, or its number.
pub fn enum_from_serde<'de, E: Enumeration, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<E, D::Error> {
    deserializer.deserialize_any(EnumVisitor(PhantomData))
}

struct EnumVisitor<E>(PhantomData<E>);

impl<E: Enumeration> EnumVisitor<E> {
    fn known<X: Error>(value: Option<E>, given: impl fmt::Display) -> Result<E, X> {
        value.ok_or_else(|| {
            let known: Vec<_> = E::VALUES.iter().map(|value| value.full).collect();
            X::custom(format!(
                "{given} is not a value of `{}`; known: {}",
                E::full_name(),
                known.join(", ")
            ))
        })
    }
}

impl<E: Enumeration> Visitor<'_> for EnumVisitor<E> {
    type Value = E;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value's name or number")
    }

    fn visit_str<X: Error>(self, name: &str) -> Result<E, X> {
        // A full name always means its own value, even if it is also the short name of another one.
        let full = E::VALUES.iter().find(|value| value.full == name);
        let value = full.or_else(|| {
            let mut values = E::VALUES.iter();
            values.find(|value| [value.short, value.rust].contains(&name))
        });
        let value = value.and_then(|value| E::from_number(value.number));
        Self::known(value, format_args!("{:?}", cut(name)))
    }

    fn visit_i64<X: Error>(self, number: i64) -> Result<E, X> {
        Self::known(i32::try_from(number).ok().and_then(E::from_number), number)
    }

    fn visit_u64<X: Error>(self, number: u64) -> Result<E, X> {
        Self::known(i32::try_from(number).ok().and_then(E::from_number), number)
    }
}
