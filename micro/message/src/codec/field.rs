//! The types that a field of a message can have: the traits behind `#[micro::message]`.
//!
//! [`Field`] is implemented for every type of field, lists and maps included. [`Element`] is
//! implemented for types that can be used in a list, map, `Option` or `Box`. The element type
//! defines how a list of it is encoded: this way `Vec<u8>` is bytes while `Vec<u16>` is a packed
//! list.

use std::fmt::Display;
use std::hash::Hash;
use std::str::FromStr;

use serde::de::MapAccess;
use serde::ser::SerializeMap;
use serde::{Deserializer, Serializer};

use crate::codec::json::{Entries, Input, entry};
use crate::codec::proto::{Bounds, DecodeError, Reader, Wire};
use crate::codec::types::{FieldType, Kind, Types};
use crate::codec::value;

/// A type that can be a field of a message.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a field of a message",
    label = "not a field type",
    note = "a field can be a number, `bool`, `String`, `Vec<u8>`, `Bytes`, `Duration`, \
            `SystemTime`, a type with `#[micro::message]`, or a `Vec`, `Option`, `Box` or map of \
            these",
    note = "if `{Self}` is your own struct or enum, put `#[micro::message]` on it"
)]
pub trait Field: Sized {
    /// Returns the field's type and adds its messages to `types`.
    fn ty(types: &mut Types) -> FieldType;

    /// Returns the value of a field that was not sent, or `Missing` if the field is required.
    fn absent(bounds: &mut Bounds) -> Result<Self, DecodeError>;

    /// Appends the field, unless it has its default value.
    fn put(&self, tag: u32, out: &mut Vec<u8>);

    /// Reads one occurrence of the field and merges it into the value read so far.
    fn merge(
        slot: &mut Option<Self>,
        wire: Wire,
        reader: &mut Reader<'_>,
    ) -> Result<(), DecodeError>;

    /// Whether the value is the default value, which JSON omits.
    fn omit(&self) -> bool {
        false
    }

    /// Writes the value through serde, in protobuf's JSON mapping.
    fn to_serde<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error>;

    /// Reads a value that is not null through serde.
    fn from_serde<'de, D: Deserializer<'de>>(
        deserializer: D,
        input: &Input,
    ) -> Result<Self, D::Error>;

    /// The value that null stands for in JSON. For most types null means an absent field.
    fn null() -> Option<Self> {
        None
    }

    /// Writes the field into a map, unless [`omit`](Self::omit) is true.
    fn entry<M: SerializeMap>(&self, map: &mut M, name: &'static str) -> Result<(), M::Error> {
        if self.omit() {
            Ok(())
        } else {
            entry(map, name, self)
        }
    }

    /// [`entry`](Self::entry) of a field marked `#[micro(default)]`.
    fn entry_marked<M: SerializeMap>(
        &self,
        map: &mut M,
        name: &'static str,
    ) -> Result<(), M::Error> {
        if self.omit_marked() {
            Ok(())
        } else {
            entry(map, name, self)
        }
    }

    /// Writes the field into a map, even if it has its default value.
    fn entry_always<M: SerializeMap>(
        &self,
        map: &mut M,
        name: &'static str,
    ) -> Result<(), M::Error> {
        entry(map, name, self)
    }

    /// Returns a field's value after the last byte: the value that was read, or the default.
    #[inline]
    fn finish(
        slot: Option<Self>,
        reader: &mut Reader<'_>,
        tag: u32,
        names: &'static [FieldName],
    ) -> Result<Self, DecodeError> {
        match slot {
            Some(value) => Ok(value),
            None => reader.absent(tag, names),
        }
    }

    /// Reads the value of the current entry. Null leaves the field absent.
    fn read_entry<'de, A: MapAccess<'de>>(
        slot: &mut Option<Self>,
        entries: &mut Entries<'_, A>,
    ) -> Result<(), A::Error> {
        entries.value(slot)
    }

    /// Reads the value of a variant and fails if another variant is set. Null leaves the variant
    /// unset.
    fn read_variant<'de, A: MapAccess<'de>>(
        slot: &mut Option<Self>,
        entries: &mut Entries<'_, A>,
        chosen: &mut u32,
        tag: u32,
    ) -> Result<(), A::Error> {
        entries.variant(slot, chosen, tag)
    }

    /// Returns a field's value after the last entry: the value that was read, or the default.
    fn finish_entries<'de, A: MapAccess<'de>>(
        slot: Option<Self>,
        entries: &mut Entries<'_, A>,
        tag: u32,
    ) -> Result<Self, A::Error> {
        entries.finish(slot, tag)
    }

    /// [`ty`](Self::ty) of a field marked `#[micro(default)]`, whose default may differ from zero.
    fn ty_marked(types: &mut Types) -> FieldType {
        Self::ty(types)
    }

    /// [`put`](Self::put) of a field marked `#[micro(default)]`.
    fn put_marked(&self, tag: u32, out: &mut Vec<u8>) {
        self.put(tag, out);
    }

    /// [`omit`](Self::omit) of a field marked `#[micro(default)]`.
    fn omit_marked(&self) -> bool {
        self.omit()
    }
}

/// A type that can be used in a list, a map, an `Option` or a `Box`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be inside a list, map, `Option`, `Box` or variant of a message",
    label = "not an element type",
    note = "an element can be a number, `bool`, `String`, `Vec<u8>`, `Bytes`, `Duration`, \
            `SystemTime` or a type with `#[micro::message]`",
    note = "if `{Self}` is your own struct or enum, put `#[micro::message]` on it; wrap a list, \
            map or `Option` in a message of its own; mark a field that holds a oneof with \
            `#[micro(oneof)]`"
)]
pub trait Element: Field {
    /// Returns the kind of a value and adds its messages to `types`.
    fn kind(types: &mut Types) -> Kind;

    /// Appends the value as a field, even if it is the default value.
    fn put_always(&self, tag: u32, out: &mut Vec<u8>);

    /// Reads a value.
    fn read(wire: Wire, reader: &mut Reader<'_>) -> Result<Self, DecodeError>;

    /// The type of a list of these elements.
    fn list_ty(types: &mut Types) -> FieldType {
        FieldType::repeated(Self::kind(types))
    }

    /// Appends a list as a field.
    fn put_list(list: &[Self], tag: u32, out: &mut Vec<u8>) {
        for item in list {
            item.put_always(tag, out);
        }
    }

    /// Reads one occurrence of a list.
    fn merge_list(
        list: &mut Vec<Self>,
        wire: Wire,
        reader: &mut Reader<'_>,
    ) -> Result<(), DecodeError> {
        reader.grow(list, 1)?;
        match Self::read(wire, reader) {
            Ok(item) => {
                list.push(item);
                Ok(())
            }
            Err(fault) => Err(reader.at_index(fault, list.len())),
        }
    }

    /// Writes a list through serde.
    fn list_to_serde<S: Serializer>(list: &[Self], serializer: S) -> Result<S::Ok, S::Error> {
        value::list_to_serde(list, serializer)
    }

    /// Reads a list through serde.
    fn list_from_serde<'de, D: Deserializer<'de>>(
        deserializer: D,
        input: &Input,
    ) -> Result<Vec<Self>, D::Error> {
        value::list_from_serde(deserializer, input)
    }
}

/// A type that can be the key of a map: an integer, `bool` or `String`.
///
/// The bounds that maps put on their keys are bounds of this trait, so that the compiler reports a
/// type that cannot be a key only once.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the key of a map in a message",
    label = "not a key type",
    note = "a key can be an integer, a `bool` or a `String`"
)]
pub trait Key: Element + Display + FromStr + Eq + Hash + Ord {
    /// The value of a key that was not sent.
    fn absent_key() -> Self;
}

/// The body of a message. `#[micro::message]` implements it for structs and enums with data.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a message",
    label = "not a message",
    note = "if `{Self}` is your own struct or enum with data, put `#[micro::message]` on it"
)]
pub trait Record: Sized + 'static {
    /// The fields' numbers and names.
    const NAMES: &'static [FieldName];

    /// The full protobuf name.
    fn full_name() -> String;

    /// Adds the descriptor and returns the full name.
    fn describe(types: &mut Types) -> String;

    /// Appends the fields.
    fn write(&self, out: &mut Vec<u8>);

    /// Reads fields until the end of the message.
    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError>;

    /// Writes the fields through serde.
    fn to_map<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error>;

    /// Reads the fields through serde.
    fn from_map<'de, A: MapAccess<'de>>(entries: Entries<'_, A>) -> Result<Self, A::Error>;
}

/// A field's number and names.
#[derive(Debug, Clone, Copy)]
pub struct FieldName {
    /// The field number.
    pub tag: u32,
    /// The name in descriptors and errors, in `snake_case`.
    pub name: &'static str,
    /// The name in JSON, in `lowerCamelCase`.
    pub json: &'static str,
}
