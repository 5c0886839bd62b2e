//! `DecodeError`: a decoding error, small enough to be returned by the inner loops.

use std::fmt;

/// A decoding error without its place.
///
/// The reader collects the place while the fault is returned to the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum DecodeError {
    /// The bytes end within a value.
    Truncated,
    /// A varint of more than ten bytes, or beyond 64 bits.
    Varint,
    /// A field number of 0 or above 536870911.
    Tag,
    /// A wire type that does not exist or does not fit the field.
    Wire,
    /// A group that ends before it starts, or that ends with the number of another group.
    Group,
    /// Text that is not UTF-8.
    Utf8,
    /// Messages nested too deeply.
    Depth,
    /// The value would need more memory than allowed.
    Memory,
    /// A required field is absent.
    Missing,
    /// None of the variants of an enum with data is set.
    Choice,
    /// A number that does not belong to any variant of the enum.
    Number(i32),
    /// A number outside the range of the field's type.
    Range,
    /// Text that is not a UUID.
    Uuid,
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Truncated => "the bytes end too early",
            Self::Varint => "a varint is longer than 64 bits",
            Self::Tag => "a field number is out of range",
            Self::Wire => "the wire type does not fit",
            Self::Group => "a group is not closed properly",
            Self::Utf8 => "invalid UTF-8",
            Self::Depth => "nested too deeply",
            Self::Memory => "the message needs more memory than allowed",
            Self::Missing => "missing",
            Self::Choice => "none of the known variants is set",
            Self::Number(number) => return write!(f, "no variant has the number {number}"),
            Self::Range => "the number is out of range",
            Self::Uuid => "not a UUID",
        })
    }
}
