//! The names that the expansion of `#[micro::message]` needs.

pub use std::option::Option::{self, None, Some};
pub use std::result::Result::{self, Err, Ok};
pub use std::string::String;
pub use std::vec::Vec;

pub use bytes::Bytes;
pub use serde;
pub use serde::de::MapAccess;
pub use serde::ser::SerializeMap;

pub use crate::codec::encoding::{ElementAs, FieldAs, Unpacked};
pub use crate::codec::field::{Element, Field, FieldName, Record};
pub use crate::codec::json::{Entries, Input, View, entry_view, record_from_serde};
pub use crate::codec::naming::{name, name_of, package};
pub use crate::codec::oneof::{Oneof, OneofField, concat, count};
pub use crate::codec::proto::{Bounds, DecodeError, Reader, Wire, put_nested};
pub use crate::codec::types::{FieldType, Kind, MessageDescriptor, Types, full_name};
pub use crate::codec::value::{
    Enumeration, ValueName, absent_enum, absent_record, decode, decode_json, deserialize, encode,
    encode_json, enum_from_serde, enum_to_serde, merge_enums, merge_record, put_enum, put_enums,
    put_record, read_enum, read_record, serialize,
};
pub use crate::codec::{Message, Topic};
pub use crate::error::Error;

/// The encodings that `#[micro(as = "…")]` selects.
pub mod encoding {
    pub use crate::codec::encoding::{
        Fixed32, Fixed64, Plain, Sfixed32, Sfixed64, Sint32, Sint64, Wrapper,
    };
}

/// Copies a string.
pub fn owned(text: &str) -> String {
    text.to_owned()
}

/// Whether a field must be sent because it has no default value.
pub fn is_required<T>(absent: fn(&mut Bounds) -> Result<T, DecodeError>) -> bool {
    absent(&mut Bounds::new(usize::MAX)).is_err()
}

/// Returns the value that was read, or the type's default.
pub fn or_default<T: Default>(slot: Option<T>) -> T {
    slot.unwrap_or_default()
}
