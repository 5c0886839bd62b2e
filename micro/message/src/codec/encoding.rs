//! Alternative encodings of values, which `#[micro(as = "…")]` and `unpacked` select.
//!
//! JSON has no alternative encodings, so this module only handles bytes and descriptors.

use crate::codec::field::{Element, Field};
use crate::codec::proto::{DecodeError, Reader, Wire};
use crate::codec::types::{FieldType, Kind, Types};

/// The type's default encoding.
#[derive(Debug)]
pub enum Plain {}

/// `sint32`: compact for small negative numbers.
#[derive(Debug)]
pub enum Sint32 {}

/// `sint64`: compact for small negative numbers.
#[derive(Debug)]
pub enum Sint64 {}

/// `fixed32`: always four bytes.
#[derive(Debug)]
pub enum Fixed32 {}

/// `fixed64`: always eight bytes.
#[derive(Debug)]
pub enum Fixed64 {}

/// `sfixed32`: always four bytes.
#[derive(Debug)]
pub enum Sfixed32 {}

/// `sfixed64`: always eight bytes.
#[derive(Debug)]
pub enum Sfixed64 {}

/// The value in a message of `google/protobuf/wrappers.proto`.
#[derive(Debug)]
pub enum Wrapper {}

/// An element that supports the encoding `E`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not support the encoding `{E}`",
    label = "encoding not supported for this type",
    note = "`i32` supports `sint32` and `sfixed32`, `i64` supports `sint64` and `sfixed64`, `u32` \
            supports `fixed32`, `u64` supports `fixed64`; 32-bit and 64-bit numbers, `bool`, \
            `String`, `Vec<u8>` and `Bytes` support `wrapper`"
)]
pub trait ElementAs<E>: Element {
    /// The kind of a value in this encoding.
    fn kind_as(types: &mut Types) -> Kind;

    /// Appends the value as a field, even if it is the default value.
    fn put_always_as(&self, tag: u32, out: &mut Vec<u8>);

    /// Reads one occurrence and merges it into the value read so far.
    fn merge_as(
        slot: &mut Option<Self>,
        wire: Wire,
        reader: &mut Reader<'_>,
    ) -> Result<(), DecodeError>;

    /// Appends a list.
    fn put_list_as(list: &[Self], tag: u32, out: &mut Vec<u8>) {
        for item in list {
            item.put_always_as(tag, out);
        }
    }

    /// Reads one occurrence of a list.
    fn merge_list_as(
        list: &mut Vec<Self>,
        wire: Wire,
        reader: &mut Reader<'_>,
    ) -> Result<(), DecodeError> {
        reader.grow(list, 1)?;
        let mut slot = None;
        match Self::merge_as(&mut slot, wire, reader) {
            Ok(()) => {
                list.extend(slot);
                Ok(())
            }
            Err(fault) => Err(reader.at_index(fault, list.len())),
        }
    }
}

/// A field that supports the encoding `E`.
#[diagnostic::on_unimplemented(
    message = "a field of type `{Self}` does not support the encoding in `as = \"…\"`",
    label = "encoding not supported for this type",
    note = "`i32` supports `sint32` and `sfixed32`, `i64` supports `sint64` and `sfixed64`, `u32` \
            supports `fixed32`, `u64` supports `fixed64`; the same applies within `Option` and \
            `Vec`, and within maps as `map<_, sint32>`",
    note = "`wrapper` applies to an `Option` or a `Vec` of a 32-bit or 64-bit number, `bool`, \
            `String`, `Vec<u8>` or `Bytes`"
)]
pub trait FieldAs<E>: Field {
    /// The field's type.
    fn ty_as(types: &mut Types) -> FieldType;

    /// Appends the field, unless it has its default value.
    fn put_as(&self, tag: u32, out: &mut Vec<u8>);

    /// Reads one occurrence of the field and merges it into the value read so far.
    fn merge_as(
        slot: &mut Option<Self>,
        wire: Wire,
        reader: &mut Reader<'_>,
    ) -> Result<(), DecodeError>;
}

/// A list that supports the unpacked encoding: one field per item.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be `unpacked`",
    label = "not a list of numbers",
    note = "`unpacked` applies to a `Vec` of numbers, `bool`s or enums without data"
)]
pub trait Unpacked<E>: Field {
    /// The field's type.
    fn ty_unpacked(types: &mut Types) -> FieldType;

    /// Appends the items, each as a field.
    fn put_unpacked(&self, tag: u32, out: &mut Vec<u8>);

    /// Reads one occurrence of the field, packed or not.
    fn merge_unpacked(
        slot: &mut Option<Self>,
        wire: Wire,
        reader: &mut Reader<'_>,
    ) -> Result<(), DecodeError>;
}

impl<T: Element> ElementAs<Plain> for T {
    fn kind_as(types: &mut Types) -> Kind {
        T::kind(types)
    }

    fn put_always_as(&self, tag: u32, out: &mut Vec<u8>) {
        self.put_always(tag, out);
    }

    fn merge_as(
        slot: &mut Option<Self>,
        wire: Wire,
        reader: &mut Reader<'_>,
    ) -> Result<(), DecodeError> {
        T::merge(slot, wire, reader)
    }

    fn put_list_as(list: &[Self], tag: u32, out: &mut Vec<u8>) {
        T::put_list(list, tag, out);
    }

    fn merge_list_as(
        list: &mut Vec<Self>,
        wire: Wire,
        reader: &mut Reader<'_>,
    ) -> Result<(), DecodeError> {
        T::merge_list(list, wire, reader)
    }
}

impl<E, T: ElementAs<E>> FieldAs<E> for Option<T> {
    fn ty_as(types: &mut Types) -> FieldType {
        FieldType::optional(T::kind_as(types))
    }

    fn put_as(&self, tag: u32, out: &mut Vec<u8>) {
        if let Some(value) = self {
            value.put_always_as(tag, out);
        }
    }

    fn merge_as(
        slot: &mut Option<Self>,
        wire: Wire,
        reader: &mut Reader<'_>,
    ) -> Result<(), DecodeError> {
        T::merge_as(slot.get_or_insert(None), wire, reader)
    }
}

impl<E, T: ElementAs<E>> FieldAs<E> for Vec<T> {
    fn ty_as(types: &mut Types) -> FieldType {
        FieldType::repeated(T::kind_as(types))
    }

    fn put_as(&self, tag: u32, out: &mut Vec<u8>) {
        T::put_list_as(self, tag, out);
    }

    fn merge_as(
        slot: &mut Option<Self>,
        wire: Wire,
        reader: &mut Reader<'_>,
    ) -> Result<(), DecodeError> {
        T::merge_list_as(slot.get_or_insert_with(Self::new), wire, reader)
    }
}

impl<E, T: ElementAs<E>> Unpacked<E> for Vec<T> {
    fn ty_unpacked(types: &mut Types) -> FieldType {
        FieldType {
            unpacked: true,
            ..FieldType::repeated(T::kind_as(types))
        }
    }

    fn put_unpacked(&self, tag: u32, out: &mut Vec<u8>) {
        for item in self {
            item.put_always_as(tag, out);
        }
    }

    fn merge_unpacked(
        slot: &mut Option<Self>,
        wire: Wire,
        reader: &mut Reader<'_>,
    ) -> Result<(), DecodeError> {
        T::merge_list_as(slot.get_or_insert_with(Self::new), wire, reader)
    }
}
