//! Formats and parsers of numbers, text and bytes.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserializer, Serializer};

use crate::codec::excerpt::{excerpt, wrong_type, wrong_value};

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
        T::try_from(value).map_err(|_| out_of_range::<T, E>(value))
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
        reason = "the value is whole, and a cast to 128 bits that clamps is out of range"
    )]
    fn visit_f64<E: Error>(self, value: f64) -> Result<T, E> {
        // 1e3 and 5.0 are integers, too.
        if value.fract() != 0.0 || !value.is_finite() {
            return Err(E::invalid_value(Unexpected::Float(value), &self));
        }
        if value.abs() < FIRST_INEXACT {
            return Self::narrow(value as i128);
        }
        // A parser passes an integer beyond 64 bits as the nearest float. The nearest float of
        // -2^63 - 1 is -2^63, which is an `i64`.
        if value <= -(2.0_f64.powi(63)) || T::try_from(value as i128).is_err() {
            return Err(out_of_range::<T, E>(format_args!("about {value:e}")));
        }
        Err(E::custom(format!(
            "a number of about {value:e} with a fraction or an exponent is not exact; write the \
             digits of the integer"
        )))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        if let Ok(value) = text.parse() {
            return Ok(value);
        }
        match Decimal::parse(text) {
            Decimal::Integer(value) => Self::narrow(value),
            Decimal::TooLarge => Err(out_of_range::<T, E>(excerpt(text))),
            Decimal::NotInteger => Err(wrong_value(text, &self)),
        }
    }
}

/// 2^53. From here on, a float may be the nearest one of an integer that it does not equal.
const FIRST_INEXACT: f64 = 9_007_199_254_740_992.0;

fn out_of_range<T, E: Error>(value: impl fmt::Display) -> E {
    E::custom(format!(
        "{value} is out of range for `{}`",
        std::any::type_name::<T>()
    ))
}

/// A decimal number in text, read without rounding.
#[derive(Debug, PartialEq)]
enum Decimal {
    Integer(i128),
    /// An integer with more digits than one of 64 bits.
    TooLarge,
    /// A fraction, or not a number.
    NotInteger,
}

impl Decimal {
    /// Maximum number of digits of an integer of 64 bits.
    const MAX_DIGITS: i64 = 20;

    fn parse(text: &str) -> Self {
        Self::read(text).unwrap_or(Self::NotInteger)
    }

    /// Returns `None` for text that is not a number.
    fn read(text: &str) -> Option<Self> {
        let (negative, number) = match text.strip_prefix('-') {
            Some(number) => (true, number),
            None => (false, text),
        };
        let (number, exponent) = match number.split_once(['e', 'E']) {
            Some((number, exponent)) => (number, parse_exponent(exponent)?),
            None => (number, 0),
        };
        let (whole, fraction) = match number.split_once('.') {
            Some((whole, fraction)) if !fraction.is_empty() => (whole, fraction),
            Some(_) => return None,
            None => (number, ""),
        };
        let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !is_digits(whole) || !is_digits(fraction) {
            return None;
        }
        let digits = format!("{whole}{fraction}");
        let significant = digits.trim_end_matches('0');
        let zeros = digits.len() - significant.len();
        let significant = significant.trim_start_matches('0');
        if significant.is_empty() {
            return Some(Self::Integer(0));
        }
        // The value is `significant` times ten to the power of `scale`.
        let length = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        let scale = exponent
            .saturating_sub(length(fraction.len()))
            .saturating_add(length(zeros));
        if scale < 0 {
            return Some(Self::NotInteger);
        }
        if length(significant.len()).saturating_add(scale) > Self::MAX_DIGITS {
            return Some(Self::TooLarge);
        }
        let scale = u32::try_from(scale).ok()?;
        let value = significant.parse::<i128>().ok()? * 10_i128.pow(scale);
        Some(Self::Integer(if negative { -value } else { value }))
    }
}

/// Parses an exponent. One that does not fit into 64 bits is limited: the number is out of range or
/// a fraction in any case.
fn parse_exponent(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(text.parse().unwrap_or(if text.starts_with('-') {
        i64::MIN
    } else {
        i64::MAX
    }))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn read<T: Integer>(json: &str) -> Result<T, String> {
        let mut deserializer = serde_json::Deserializer::from_str(json);
        let value = integer(&mut deserializer).map_err(|error| error.to_string())?;
        deserializer.end().map_err(|error| error.to_string())?;
        Ok(value)
    }

    /// Reads a number as a number and as text.
    fn both<T: Integer>(number: &str) -> [Result<T, String>; 2] {
        [read(number), read(&format!("\"{number}\""))]
    }

    #[test]
    fn bounds_of_every_width_are_read_exactly() {
        macro_rules! bounds {
            ($($type:ty)*) => { $(
                for value in [<$type>::MIN, <$type>::MAX, <$type>::MAX / 3] {
                    for result in both::<$type>(&value.to_string()) {
                        assert_eq!(result, Ok(value));
                    }
                }
                for beyond in [i128::from(<$type>::MIN) - 1, i128::from(<$type>::MAX) + 1] {
                    for result in both::<$type>(&beyond.to_string()) {
                        let error = result.unwrap_err();
                        assert!(error.contains("out of range"), "{beyond}: {error}");
                    }
                }
            )* };
        }
        bounds!(i8 i16 i32 i64 u8 u16 u32 u64);
    }

    #[test]
    fn integers_beyond_their_type_are_refused_however_they_are_written() {
        for number in [
            "-9223372036854775809",
            "-9223372036854775900",
            "-9.223372036854775809e18",
            "9.223372036854775808e18",
            "9223372036854775807.5",
            "1e19",
            "-1e19",
            "1e30",
            "123456789012345678901234567890",
        ] {
            for result in both::<i64>(number) {
                assert!(result.is_err(), "{number}: {result:?}");
            }
        }
        for number in [
            "18446744073709551616",
            "18446744073709551616.0",
            "2e19",
            "-1",
            "-1e0",
        ] {
            for result in both::<u64>(number) {
                assert!(result.is_err(), "{number}: {result:?}");
            }
        }
        for number in ["2.147483648e9", "-2.147483649e9", "1e10"] {
            for result in both::<i32>(number) {
                assert!(result.is_err(), "{number}: {result:?}");
            }
        }
    }

    #[test]
    fn fractions_and_text_that_is_not_a_number_are_refused() {
        for number in ["0.5", "-1.5", "1e-1", "15e-1"] {
            for result in both::<i64>(number) {
                assert!(result.is_err(), "{number}");
            }
        }
        for number in ["1e-99999999999999999999", "9007199254740993.25"] {
            assert!(read::<i64>(&format!("\"{number}\"")).is_err(), "{number}");
        }
        for text in [
            "",
            "-",
            "1.",
            ".5",
            "1e",
            "1e+",
            "e3",
            "1e3.0",
            "0x10",
            "NaN",
            "Infinity",
            "1 ",
            " 1",
            "1_000",
            "--1",
            "1e99999999999999999999",
        ] {
            assert!(read::<i64>(&format!("\"{text}\"")).is_err(), "{text:?}");
        }
    }

    #[test]
    fn integers_with_a_fraction_of_zero_or_an_exponent_are_read() {
        for number in [
            "1000",
            "1e3",
            "1E+3",
            "1000.0",
            "10000e-1",
            "0.001e6",
            "1000.000e0",
        ] {
            for result in both::<i64>(number) {
                assert_eq!(result, Ok(1000), "{number}");
            }
        }
        for number in ["-0", "0", "0.0", "-0.0", "0e5", "0e-5"] {
            for result in both::<u64>(number) {
                assert_eq!(result, Ok(0), "{number}");
            }
        }
        assert_eq!(read("9007199254740991.0"), Ok((1_u64 << 53) - 1));
        assert_eq!(read("\"9223372036854775807.0\""), Ok(i64::MAX));
        assert_eq!(read("\"-9.223372036854775808e18\""), Ok(i64::MIN));
        assert_eq!(read("\"1.8446744073709551615e19\""), Ok(u64::MAX));
    }

    #[test]
    fn number_that_a_float_cannot_hold_exactly_is_refused() {
        for number in ["1234567890123456789.0", "1.234567890123456789e18"] {
            let error = read::<i64>(number).unwrap_err();
            assert!(error.contains("write the digits of the integer"), "{error}");
            assert_eq!(
                read(&format!("\"{number}\"")),
                Ok(1_234_567_890_123_456_789_i64)
            );
        }
    }
}
