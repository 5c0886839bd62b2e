//! The kind of a field's values, and the number of values.

use std::fmt;

/// The kind of one value, with protobuf's names.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the names are protobuf's own")]
pub enum Kind {
    Double,
    Float,
    Int64,
    Uint64,
    Int32,
    Fixed64,
    Fixed32,
    Bool,
    String,
    Bytes,
    Uint32,
    Sfixed32,
    Sfixed64,
    Sint32,
    Sint64,
    /// A message, by full name.
    Message(String),
    /// An enum, by full name.
    Enum(String),
}

/// The number of values of a field.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Label {
    /// One value. Except for messages, an absent value is the same as zero.
    Single,
    /// Zero or one value. Absent differs from zero.
    Optional,
    /// Any number of values, in order.
    Repeated,
    /// Any number of values with keys of this kind.
    Map(Kind),
}

/// The scalar kinds, with the numbers and names of `descriptor.proto`.
const SCALARS: [(i32, Kind, &str); 15] = [
    (1, Kind::Double, "double"),
    (2, Kind::Float, "float"),
    (3, Kind::Int64, "int64"),
    (4, Kind::Uint64, "uint64"),
    (5, Kind::Int32, "int32"),
    (6, Kind::Fixed64, "fixed64"),
    (7, Kind::Fixed32, "fixed32"),
    (8, Kind::Bool, "bool"),
    (9, Kind::String, "string"),
    (12, Kind::Bytes, "bytes"),
    (13, Kind::Uint32, "uint32"),
    (15, Kind::Sfixed32, "sfixed32"),
    (16, Kind::Sfixed64, "sfixed64"),
    (17, Kind::Sint32, "sint32"),
    (18, Kind::Sint64, "sint64"),
];

impl Kind {
    /// The scalar with this number in `descriptor.proto`.
    pub(super) fn from_number(number: i32) -> Option<Self> {
        let mut all = SCALARS.into_iter();
        all.find_map(|(own, kind, _)| (own == number).then_some(kind))
    }

    /// The scalar with this name, for example `int32`.
    pub(crate) fn scalar(name: &str) -> Option<Self> {
        let mut all = SCALARS.into_iter();
        all.find_map(|(_, kind, own)| (own == name).then_some(kind))
    }

    /// The full name of the message or enum.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Message(name) | Self::Enum(name) => Some(name),
            _ => None,
        }
    }

    /// Whether this kind can be the key of a map.
    pub(crate) fn is_key(&self) -> bool {
        !matches!(
            self,
            Self::Double | Self::Float | Self::Bytes | Self::Message(_) | Self::Enum(_)
        )
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scalar = SCALARS.iter().find(|(_, kind, _)| kind == self);
        f.write_str(match (self, scalar) {
            (Self::Message(name) | Self::Enum(name), _) => name,
            (_, Some((_, _, name))) => name,
            (_, None) => "unknown",
        })
    }
}

impl Label {
    /// Formats the kind and the label as in a `.proto` file, for example `repeated int32`.
    pub(crate) fn with(&self, kind: &dyn fmt::Display) -> String {
        match self {
            Self::Single => kind.to_string(),
            Self::Optional => format!("optional {kind}"),
            Self::Repeated => format!("repeated {kind}"),
            Self::Map(key) => format!("map<{key}, {kind}>"),
        }
    }
}
