//! Numbers in alternative encodings: `sint32`, `fixed32` and so on.

use crate::codec::encoding::{
    ElementAs, FieldAs, Fixed32, Fixed64, Sfixed32, Sfixed64, Sint32, Sint64,
};
use crate::codec::field::Field;
use crate::codec::proto::{DecodeError, Reader, Wire, put_key, put_nested, put_varint};
use crate::codec::types::{FieldType, Kind, Types};

macro_rules! encoded {
    ($($way:ident, $type:ty, $wire:ident, $write:expr, $take:expr, $count:expr;)*) => { $(
        impl ElementAs<$way> for $type {
            fn kind_as(_: &mut Types) -> Kind {
                Kind::$way
            }

            #[inline]
            fn put_always_as(&self, tag: u32, out: &mut Vec<u8>) {
                let write: fn($type, &mut Vec<u8>) = $write;
                put_key(tag, Wire::$wire, out);
                write(*self, out);
            }

            #[inline]
            fn merge_as(
                slot: &mut Option<Self>,
                wire: Wire,
                reader: &mut Reader<'_>,
            ) -> Result<(), DecodeError> {
                let take: fn(&mut Reader<'_>) -> Result<$type, DecodeError> = $take;
                if wire != Wire::$wire {
                    return Err(DecodeError::Wire);
                }
                *slot = Some(take(reader)?);
                Ok(())
            }

            fn put_list_as(list: &[Self], tag: u32, out: &mut Vec<u8>) {
                let write: fn($type, &mut Vec<u8>) = $write;
                if !list.is_empty() {
                    put_nested(tag, out, |out| list.iter().for_each(|value| write(*value, out)));
                }
            }

            fn merge_list_as(
                list: &mut Vec<Self>,
                wire: Wire,
                reader: &mut Reader<'_>,
            ) -> Result<(), DecodeError> {
                let take: fn(&mut Reader<'_>) -> Result<$type, DecodeError> = $take;
                let count: fn(&[u8]) -> usize = $count;
                merge_list(list, (wire, Wire::$wire), reader, take, count)
            }
        }

        impl FieldAs<$way> for $type {
            fn ty_as(types: &mut Types) -> FieldType {
                FieldType::single(<Self as ElementAs<$way>>::kind_as(types))
            }

            fn put_as(&self, tag: u32, out: &mut Vec<u8>) {
                if !self.omit() {
                    <Self as ElementAs<$way>>::put_always_as(self, tag, out);
                }
            }

            fn merge_as(
                slot: &mut Option<Self>,
                wire: Wire,
                reader: &mut Reader<'_>,
            ) -> Result<(), DecodeError> {
                <Self as ElementAs<$way>>::merge_as(slot, wire, reader)
            }
        }
    )* };
}

/// Reads one occurrence of a list, packed or not.
fn merge_list<T>(
    list: &mut Vec<T>,
    (wire, own): (Wire, Wire),
    reader: &mut Reader<'_>,
    take: fn(&mut Reader<'_>) -> Result<T, DecodeError>,
    count: fn(&[u8]) -> usize,
) -> Result<(), DecodeError> {
    if wire == own {
        reader.grow(list, 1)?;
        list.push(take(reader)?);
        return Ok(());
    }
    if wire != Wire::Bytes {
        return Err(DecodeError::Wire);
    }
    let bytes = reader.bytes()?;
    reader.grow(list, count(bytes))?;
    reader.within(bytes, |reader| {
        while reader.left() > 0 {
            match take(reader) {
                Ok(value) => list.push(value),
                Err(fault) => return Err(reader.at_index(fault, list.len())),
            }
        }
        Ok(())
    })
}

/// Zigzag encoding: 0, -1, 1, -2 … become 0, 1, 2, 3 …
fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}

fn unzigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -((value & 1).cast_signed())
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "protobuf truncates a sint32 to its low 32 bits"
)]
fn unzigzag32(value: u64) -> i32 {
    unzigzag(u64::from(value as u32)) as i32
}

encoded! {
    Sint32, i32, Varint, |value, out| put_varint(zigzag(value.into()), out),
        |reader| reader.varint().map(unzigzag32), Reader::count_varints;
    Sint64, i64, Varint, |value, out| put_varint(zigzag(value), out),
        |reader| reader.varint().map(unzigzag), Reader::count_varints;
    Fixed32, u32, Fixed32, |value, out| out.extend_from_slice(&value.to_le_bytes()),
        |reader| reader.fixed().map(u32::from_le_bytes), |bytes| bytes.len() / 4;
    Sfixed32, i32, Fixed32, |value, out| out.extend_from_slice(&value.to_le_bytes()),
        |reader| reader.fixed().map(i32::from_le_bytes), |bytes| bytes.len() / 4;
    Fixed64, u64, Fixed64, |value, out| out.extend_from_slice(&value.to_le_bytes()),
        |reader| reader.fixed().map(u64::from_le_bytes), |bytes| bytes.len() / 8;
    Sfixed64, i64, Fixed64, |value, out| out.extend_from_slice(&value.to_le_bytes()),
        |reader| reader.fixed().map(i64::from_le_bytes), |bytes| bytes.len() / 8;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_numbers_of_either_sign_are_compact() {
        for (value, wire) in [(0, 0), (-1, 1), (1, 2), (-2, 3), (i64::MIN, u64::MAX)] {
            assert_eq!(zigzag(value), wire);
            assert_eq!(unzigzag(wire), value);
        }
        for value in [i32::MIN, -1, 0, i32::MAX] {
            assert_eq!(unzigzag32(zigzag(value.into())), value);
        }
    }
}
