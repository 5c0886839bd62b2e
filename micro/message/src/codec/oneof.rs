//! Oneofs: an enum with data whose variants are fields of the message that holds it.
//!
//! An enum with data that is a message by itself is a `Record` instead.

use serde::de::MapAccess;
use serde::ser::SerializeMap;

use crate::codec::field::FieldName;
use crate::codec::json::Entries;
use crate::codec::proto::{DecodeError, Reader, Wire};
use crate::codec::types::{MessageDescriptor, Types};

/// An enum with data whose variants are fields. `#[micro::message(oneof)]` implements it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a oneof",
    label = "not a oneof",
    note = "if `{Self}` is your own enum with data, put `#[micro::message(oneof)]` on it"
)]
pub trait Oneof: Sized + 'static {
    /// The variants' numbers and names.
    const NAMES: &'static [FieldName];

    /// Adds the variants as fields to the message that contains the oneof of this name.
    fn describe(oneof: &str, message: &mut MessageDescriptor, types: &mut Types);

    /// Appends the variant, even if it has its default value.
    fn write(&self, out: &mut Vec<u8>);

    /// Reads a field whose number is in [`NAMES`](Self::NAMES). The last occurrence wins.
    fn merge(
        slot: &mut Option<Self>,
        tag: u32,
        wire: Wire,
        reader: &mut Reader<'_>,
    ) -> Result<(), DecodeError>;

    /// Writes the variant through serde.
    fn to_map<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error>;

    /// Reads the value of a variant through serde and fails if another variant is set.
    fn read_entry<'de, A: MapAccess<'de>>(
        slot: &mut Option<Self>,
        tag: u32,
        entries: &mut Entries<'_, A>,
    ) -> Result<(), A::Error>;
}

/// A field marked `#[micro(oneof)]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be marked `#[micro(oneof)]`",
    label = "not an `Option` of a oneof",
    note = "a oneof can be unset; write `Option<Kind>` and put `#[micro::message(oneof)]` on the \
            enum `Kind`"
)]
pub trait OneofField: Sized {
    /// The variants' numbers and names.
    const NAMES: &'static [FieldName];

    /// Whether a variant has this number.
    #[inline]
    fn has(tag: u32) -> bool {
        Self::NAMES.iter().any(|name| name.tag == tag)
    }

    /// The value before anything was read.
    fn unset() -> Self;

    /// Adds the variants as fields to a message.
    fn describe(oneof: &str, message: &mut MessageDescriptor, types: &mut Types);

    /// Appends the variant that is set.
    fn put(&self, out: &mut Vec<u8>);

    /// Reads the field of one of the variants.
    fn merge(&mut self, tag: u32, wire: Wire, reader: &mut Reader<'_>) -> Result<(), DecodeError>;

    /// Writes the variant that is set into a map.
    fn entries<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error>;

    /// Reads the value of one of the variants.
    fn read_entry<'de, A: MapAccess<'de>>(
        &mut self,
        tag: u32,
        entries: &mut Entries<'_, A>,
    ) -> Result<(), A::Error>;
}

impl<T: Oneof> OneofField for Option<T> {
    const NAMES: &'static [FieldName] = T::NAMES;

    fn unset() -> Self {
        None
    }

    fn describe(oneof: &str, message: &mut MessageDescriptor, types: &mut Types) {
        T::describe(oneof, message, types);
    }

    #[inline]
    fn put(&self, out: &mut Vec<u8>) {
        if let Some(variant) = self {
            variant.write(out);
        }
    }

    #[inline]
    fn merge(&mut self, tag: u32, wire: Wire, reader: &mut Reader<'_>) -> Result<(), DecodeError> {
        T::merge(self, tag, wire, reader)
    }

    fn entries<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        match self {
            Some(variant) => variant.to_map(map),
            None => Ok(()),
        }
    }

    fn read_entry<'de, A: MapAccess<'de>>(
        &mut self,
        tag: u32,
        entries: &mut Entries<'_, A>,
    ) -> Result<(), A::Error> {
        T::read_entry(self, tag, entries)
    }
}

/// Total number of names in the lists.
pub const fn count(lists: &[&[FieldName]]) -> usize {
    let (mut count, mut at) = (0, 0);
    while at < lists.len() {
        count += lists[at].len();
        at += 1;
    }
    count
}

/// Concatenates the lists. Two fields with the same number or name are a compile error.
pub const fn concat<const N: usize>(lists: &[&[FieldName]]) -> [FieldName; N] {
    let mut all = [FieldName {
        tag: 0,
        name: "",
        json: "",
    }; N];
    let (mut len, mut list) = (0, 0);
    while list < lists.len() {
        let mut at = 0;
        while at < lists[list].len() {
            let mut before = 0;
            while before < len {
                let (one, two) = (all[before], lists[list][at]);
                assert!(
                    one.tag != two.tag,
                    "a field and a variant of a oneof have the same field number; change one of \
                     them"
                );
                assert!(
                    !same(one.name, two.name) && !same(one.json, two.json),
                    "a field and a variant of a oneof have the same name; rename one of them"
                );
                before += 1;
            }
            all[len] = lists[list][at];
            len += 1;
            at += 1;
        }
        list += 1;
    }
    all
}

const fn same(one: &str, two: &str) -> bool {
    let (one, two) = (one.as_bytes(), two.as_bytes());
    let mut at = 0;
    while at < one.len() && at < two.len() && one[at] == two[at] {
        at += 1;
    }
    at == one.len() && at == two.len()
}
