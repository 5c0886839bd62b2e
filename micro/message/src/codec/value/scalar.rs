//! Numbers and `bool`: varints and fixed widths, lists of them packed.

use serde::{Deserializer, Serializer};

use crate::codec::field::{Element, Field, Key};
use crate::codec::json::{Input, boolean, bytes, double, float, long, short};
use crate::codec::proto::{
    Bounds, DecodeError, Reader, Wire, put_bytes, put_key, put_nested, put_varint,
};
use crate::codec::types::{FieldType, Kind, Types};

/// A number of fixed or variable width on the wire.
trait Scalar: Copy {
    const WIRE: Wire;
    const ZERO: Self;

    fn is_zero(self) -> bool;
    fn write(self, out: &mut Vec<u8>);
    fn take(reader: &mut Reader<'_>) -> Result<Self, DecodeError>;
    /// Number of values in a packed list.
    fn count(bytes: &[u8]) -> usize;
}

#[inline]
fn put<T: Scalar>(value: T, tag: u32, out: &mut Vec<u8>) {
    put_key(tag, T::WIRE, out);
    value.write(out);
}

#[inline]
fn read<T: Scalar>(wire: Wire, reader: &mut Reader<'_>) -> Result<T, DecodeError> {
    if wire == T::WIRE {
        T::take(reader)
    } else {
        Err(DecodeError::Wire)
    }
}

fn put_packed<T: Scalar>(list: &[T], tag: u32, out: &mut Vec<u8>) {
    if !list.is_empty() {
        out.reserve(list.len() + 6);
        put_nested(tag, out, |out| {
            for value in list {
                value.write(out);
            }
        });
    }
}

fn merge_packed<T: Scalar>(
    list: &mut Vec<T>,
    wire: Wire,
    reader: &mut Reader<'_>,
) -> Result<(), DecodeError> {
    if wire != Wire::Bytes {
        let value = read(wire, reader)?;
        reader.grow(list, 1)?;
        list.push(value);
        return Ok(());
    }
    let bytes = reader.bytes()?;
    reader.grow(list, T::count(bytes))?;
    reader.within(bytes, |reader| {
        while reader.left() > 0 {
            match T::take(reader) {
                Ok(value) => list.push(value),
                Err(fault) => return Err(reader.at_index(fault, list.len())),
            }
        }
        Ok(())
    })
}

macro_rules! scalar {
    ($type:ty, $kind:ident, $wire:ident, $json:ident, $zero:expr,
     $is_zero:expr, $write:expr, $take:expr, $count:expr, { $($hooks:tt)* }) => {
        impl Scalar for $type {
            const WIRE: Wire = Wire::$wire;
            const ZERO: Self = $zero;

            #[inline]
            fn is_zero(self) -> bool {
                let is_zero: fn(Self) -> bool = $is_zero;
                is_zero(self)
            }

            #[inline]
            fn write(self, out: &mut Vec<u8>) {
                let write: fn(Self, &mut Vec<u8>) = $write;
                write(self, out);
            }

            #[inline]
            fn take(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
                let take: fn(&mut Reader<'_>) -> Result<Self, DecodeError> = $take;
                take(reader)
            }

            fn count(bytes: &[u8]) -> usize {
                let count: fn(&[u8]) -> usize = $count;
                count(bytes)
            }
        }

        impl Field for $type {
            fn ty(_: &mut Types) -> FieldType {
                FieldType::single(Kind::$kind)
            }

            fn absent(_: &mut Bounds) -> Result<Self, DecodeError> {
                Ok(Self::ZERO)
            }

            #[inline]
            fn put(&self, tag: u32, out: &mut Vec<u8>) {
                if !self.is_zero() {
                    put(*self, tag, out);
                }
            }

            #[inline]
            fn merge(
                slot: &mut Option<Self>,
                wire: Wire,
                reader: &mut Reader<'_>,
            ) -> Result<(), DecodeError> {
                *slot = Some(read(wire, reader)?);
                Ok(())
            }

            fn omit(&self) -> bool {
                self.is_zero()
            }

            fn to_serde<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                $json::to_serde(*self, serializer)
            }

            fn from_serde<'de, D: Deserializer<'de>>(
                deserializer: D,
                _: &Input,
            ) -> Result<Self, D::Error> {
                $json::from_serde(deserializer)
            }
        }

        impl Element for $type {
            fn kind(_: &mut Types) -> Kind {
                Kind::$kind
            }

            #[inline]
            fn put_always(&self, tag: u32, out: &mut Vec<u8>) {
                put(*self, tag, out);
            }

            #[inline]
            fn read(wire: Wire, reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
                read(wire, reader)
            }

            $($hooks)*
        }
    };
}

macro_rules! packed {
    ($type:ty, $kind:ident, $wire:ident, $json:ident, $zero:expr,
     $is_zero:expr, $write:expr, $take:expr, $count:expr) => {
        scalar!(
            $type,
            $kind,
            $wire,
            $json,
            $zero,
            $is_zero,
            $write,
            $take,
            $count,
            {
                fn put_list(list: &[Self], tag: u32, out: &mut Vec<u8>) {
                    put_packed(list, tag, out);
                }

                fn merge_list(
                    list: &mut Vec<Self>,
                    wire: Wire,
                    reader: &mut Reader<'_>,
                ) -> Result<(), DecodeError> {
                    merge_packed(list, wire, reader)
                }
            }
        );
    };
}

/// Truncates an int32 that is too long to its low 32 bits.
#[inline]
#[expect(
    clippy::cast_possible_truncation,
    reason = "protobuf requires the truncation"
)]
fn low_half(value: u64) -> u32 {
    value as u32
}

macro_rules! integers {
    ($($type:ty, $kind:ident, $json:ident, $write:expr, $read:expr;)*) => { $(
        packed!($type, $kind, Varint, $json, 0, |value| value == 0, |value, out| {
            let write: fn($type) -> u64 = $write;
            put_varint(write(value), out);
        }, |reader| {
            let read: fn(u64) -> Option<$type> = $read;
            read(reader.varint()?).ok_or(DecodeError::Range)
        }, Reader::count_varints);
        impl Key for $type {
            fn absent_key() -> Self {
                0
            }
        }
    )* };
}

/// Converts the varint of an int32 to its value.
#[inline]
fn int32(wire: u64) -> i32 {
    low_half(wire).cast_signed()
}

integers! {
    i8, Int32, short, |value| i64::from(value).cast_unsigned(), |wire| int32(wire).try_into().ok();
    i16, Int32, short, |value| i64::from(value).cast_unsigned(), |wire| int32(wire).try_into().ok();
    i32, Int32, short, |value| i64::from(value).cast_unsigned(), |wire| Some(int32(wire));
    i64, Int64, long, i64::cast_unsigned, |wire| Some(wire.cast_signed());
    isize, Int64, long, |value| (value as i64).cast_unsigned(),
        |wire| wire.cast_signed().try_into().ok();
    u16, Uint32, short, u64::from, |wire| low_half(wire).try_into().ok();
    u32, Uint32, short, u64::from, |wire| Some(low_half(wire));
    u64, Uint64, long, |value| value, Some;
    usize, Uint64, long, |value| value as u64, |wire| wire.try_into().ok();
}

packed!(
    bool,
    Bool,
    Varint,
    boolean,
    false,
    |value| !value,
    |value, out| out.push(u8::from(value)),
    |reader| Ok(reader.varint()? != 0),
    Reader::count_varints
);

impl Key for bool {
    fn absent_key() -> Self {
        false
    }
}

// Minus zero is not the default value, so the bits are compared.
packed!(
    f32,
    Float,
    Fixed32,
    float,
    0.0,
    |value| value.to_bits() == 0,
    |value, out| out.extend_from_slice(&value.to_le_bytes()),
    |reader| reader.fixed().map(Self::from_le_bytes),
    |bytes| bytes.len() / 4
);

packed!(
    f64,
    Double,
    Fixed64,
    double,
    0.0,
    |value| value.to_bits() == 0,
    |value, out| out.extend_from_slice(&value.to_le_bytes()),
    |reader| reader.fixed().map(Self::from_le_bytes),
    |bytes| bytes.len() / 8
);

// A single `u8` is a number, a list of them is bytes.
scalar!(
    u8,
    Uint32,
    Varint,
    short,
    0,
    |value| value == 0,
    |value, out| put_varint(u64::from(value), out),
    |reader| low_half(reader.varint()?)
        .try_into()
        .map_err(|_| DecodeError::Range),
    Reader::count_varints,
    {
        fn list_ty(_: &mut Types) -> FieldType {
            FieldType::single(Kind::Bytes)
        }

        #[inline]
        fn put_list(list: &[Self], tag: u32, out: &mut Vec<u8>) {
            if !list.is_empty() {
                put_bytes(tag, list, out);
            }
        }

        fn merge_list(
            list: &mut Vec<Self>,
            wire: Wire,
            reader: &mut Reader<'_>,
        ) -> Result<(), DecodeError> {
            *list = Vec::read(wire, reader)?;
            Ok(())
        }

        fn list_to_serde<S: Serializer>(list: &[Self], serializer: S) -> Result<S::Ok, S::Error> {
            bytes::to_serde(list, serializer)
        }

        fn list_from_serde<'de, D: Deserializer<'de>>(
            deserializer: D,
            input: &Input,
        ) -> Result<Vec<Self>, D::Error> {
            bytes::from_serde(deserializer, input)
        }
    }
);

impl Key for u8 {
    fn absent_key() -> Self {
        0
    }
}
