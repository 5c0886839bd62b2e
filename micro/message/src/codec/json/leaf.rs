//! Formats and parsers of numbers, text and bytes.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserializer, Serializer};

use crate::codec::excerpt::{wrong_type, wrong_value};

/// Integers of up to 32 bits: written as numbers.
pub(crate) mod short {
    use super::{Deserializer, Integer, Serializer};

    pub(crate) fn to_serde<T: Integer, S: Serializer>(
        value: T,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        value.put(serializer)
    }

    pub(crate) fn from_serde<'de, T: Integer, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<T, D::Error> {
        super::integer(deserializer)
    }
}

/// Integers of 64 bits: written as text, because JSON numbers are exact up to 53 bits only. Text
/// and numbers are read.
pub(crate) mod long {
    use super::{Deserializer, Integer, Serializer};

    pub(crate) fn to_serde<T: Integer, S: Serializer>(
        value: T,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(&value)
        } else {
            value.put(serializer)
        }
    }

    pub(crate) fn from_serde<'de, T: Integer, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<T, D::Error> {
        super::integer(deserializer)
    }
}

/// An integer of any width.
pub(crate) trait Integer: Copy + fmt::Display + FromStr + TryFrom<i128> {
    fn put<S: Serializer>(self, serializer: S) -> Result<S::Ok, S::Error>;
}

macro_rules! integers {
    ($($type:ty, $wide:ty, $put:ident;)*) => { $(
        impl Integer for $type {
            fn put<S: Serializer>(self, serializer: S) -> Result<S::Ok, S::Error> {
                // Lossless: `usize` and `isize` have at most 64 bits.
                serializer.$put(self as $wide)
            }
        }
    )* };
}

integers! {
    i8, i32, serialize_i32;
    i16, i32, serialize_i32;
    i32, i32, serialize_i32;
    i64, i64, serialize_i64;
    isize, i64, serialize_i64;
    u8, u32, serialize_u32;
    u16, u32, serialize_u32;
    u32, u32, serialize_u32;
    u64, u64, serialize_u64;
    usize, u64, serialize_u64;
}

fn integer<'de, T: Integer, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    deserializer.deserialize_any(IntegerVisitor(PhantomData))
}

struct IntegerVisitor<T>(PhantomData<T>);

impl<T: Integer> IntegerVisitor<T> {
    fn narrow<E: Error>(value: i128) -> Result<T, E> {
        T::try_from(value).map_err(|_| {
            E::custom(format!(
                "{value} is out of range for `{}`",
                std::any::type_name::<T>()
            ))
        })
    }
}

impl<T: Integer> Visitor<'_> for IntegerVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an integer, as a number or text")
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<T, E> {
        Self::narrow(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<T, E> {
        Self::narrow(value.into())
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "checked: whole and within 64 bits"
    )]
    fn visit_f64<E: Error>(self, value: f64) -> Result<T, E> {
        // 1e3 and 5.0 are integers, too. Values beyond 64 bits are out of range in any case.
        if value.fract() == 0.0 && value.abs() < 2.0_f64.powi(65) {
            Self::narrow(value as i128)
        } else {
            Err(E::invalid_value(Unexpected::Float(value), &self))
        }
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        if let Ok(value) = text.parse() {
            return Ok(value);
        }
        match text.parse::<f64>() {
            Ok(value) if text.contains(['.', 'e', 'E']) => self.visit_f64(value),
            _ => Err(wrong_value(text, &self)),
        }
    }
}

/// True and false.
pub(crate) mod boolean {
    use super::{Deserializer, Error, Serializer, Visitor, fmt, wrong_type};

    pub(crate) fn to_serde<S: Serializer>(value: bool, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bool(value)
    }

    pub(crate) fn from_serde<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_any(BooleanVisitor)
    }

    struct BooleanVisitor;

    impl Visitor<'_> for BooleanVisitor {
        type Value = bool;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a boolean")
        }

        fn visit_bool<E: Error>(self, value: bool) -> Result<bool, E> {
            Ok(value)
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<bool, E> {
            Err(wrong_type(text, &self))
        }
    }
}

/// 64-bit floats. NaN and the infinities, which are not JSON numbers, are text.
pub(crate) mod double {
    use super::{Deserializer, FloatVisitor, Serializer};

    pub(crate) fn to_serde<S: Serializer>(value: f64, serializer: S) -> Result<S::Ok, S::Error> {
        match super::unusual(value) {
            Some(text) if serializer.is_human_readable() => serializer.serialize_str(text),
            _ => serializer.serialize_f64(value),
        }
    }

    pub(crate) fn from_serde<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
        deserializer.deserialize_any(FloatVisitor)
    }
}

/// 32-bit floats. NaN and the infinities, which are not JSON numbers, are text.
pub(crate) mod float {
    use super::{Deserializer, Error, FloatVisitor, Serializer};

    pub(crate) fn to_serde<S: Serializer>(value: f32, serializer: S) -> Result<S::Ok, S::Error> {
        match super::unusual(value.into()) {
            Some(text) if serializer.is_human_readable() => serializer.serialize_str(text),
            _ => serializer.serialize_f32(value),
        }
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "the value is rounded to 32 bits"
    )]
    pub(crate) fn from_serde<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f32, D::Error> {
        let wide = deserializer.deserialize_any(FloatVisitor)?;
        let value = wide as f32;
        if wide.is_finite() && value.is_infinite() {
            return Err(D::Error::custom(format!(
                "{wide} is out of range for `f32`"
            )));
        }
        Ok(value)
    }
}

fn unusual(value: f64) -> Option<&'static str> {
    match value {
        _ if value.is_nan() => Some("NaN"),
        f64::INFINITY => Some("Infinity"),
        f64::NEG_INFINITY => Some("-Infinity"),
        _ => None,
    }
}

struct FloatVisitor;

impl Visitor<'_> for FloatVisitor {
    type Value = f64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number, as a number or text")
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<f64, E> {
        Ok(value)
    }

    #[expect(clippy::cast_precision_loss, reason = "rounding is intended")]
    fn visit_i64<E: Error>(self, value: i64) -> Result<f64, E> {
        Ok(value as f64)
    }

    #[expect(clippy::cast_precision_loss, reason = "rounding is intended")]
    fn visit_u64<E: Error>(self, value: u64) -> Result<f64, E> {
        Ok(value as f64)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<f64, E> {
        match text {
            "NaN" => Ok(f64::NAN),
            "Infinity" => Ok(f64::INFINITY),
            "-Infinity" => Ok(f64::NEG_INFINITY),
            _ => match text.parse::<f64>() {
                Ok(value) if value.is_finite() => Ok(value),
                _ => Err(wrong_value(text, &self)),
            },
        }
    }
}

/// Text.
pub(crate) mod text {
    use super::{Deserializer, Error, Serializer, Visitor, fmt};
    use crate::codec::json::Input;

    pub(crate) fn to_serde<S: Serializer>(text: &str, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(text)
    }

    pub(crate) fn from_serde<'de, D: Deserializer<'de>>(
        deserializer: D,
        input: &Input,
    ) -> Result<String, D::Error> {
        deserializer.deserialize_str(TextVisitor(input))
    }

    struct TextVisitor<'a>(&'a Input);

    impl Visitor<'_> for TextVisitor<'_> {
        type Value = String;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("text")
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<String, E> {
            self.0.charge(text.len())?;
            Ok(text.to_owned())
        }
    }
}

/// Bytes: base64 in human-readable formats.
pub(crate) mod bytes {
    use base64::Engine;
    use base64::alphabet::{STANDARD, URL_SAFE};
    use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

    use super::{Deserializer, Error, Serializer, Visitor, fmt};
    use crate::codec::json::Input;

    const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    const PLAIN: GeneralPurpose = GeneralPurpose::new(&STANDARD, LENIENT);
    const URL: GeneralPurpose = GeneralPurpose::new(&URL_SAFE, LENIENT);

    pub(crate) fn to_serde<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.serialize_str(&PLAIN.encode(bytes))
        } else {
            serializer.serialize_bytes(bytes)
        }
    }

    pub(crate) fn from_serde<'de, D: Deserializer<'de>>(
        deserializer: D,
        input: &Input,
    ) -> Result<Vec<u8>, D::Error> {
        if deserializer.is_human_readable() {
            deserializer.deserialize_str(BytesVisitor(input))
        } else {
            deserializer.deserialize_byte_buf(BytesVisitor(input))
        }
    }

    struct BytesVisitor<'a>(&'a Input);

    impl Visitor<'_> for BytesVisitor<'_> {
        type Value = Vec<u8>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("bytes in base64")
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<Vec<u8>, E> {
            self.0.charge(text.len())?;
            let engine = if text.contains(['-', '_']) {
                URL
            } else {
                PLAIN
            };
            engine
                .decode(text)
                .map_err(|_| E::custom("the text is not base64"))
        }

        fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
            self.0.charge(bytes.len())?;
            Ok(bytes.to_owned())
        }
    }
}
