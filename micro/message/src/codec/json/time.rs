//! The text forms of durations (`1.5s`) and timestamps (RFC 3339), as seconds and nanoseconds.

use std::fmt;

use serde::de::Visitor;
use serde::{Deserializer, Serializer};

use crate::codec::excerpt::wrong_value;

/// Seconds and nanoseconds. In a duration both have the same sign; in a timestamp the nanoseconds
/// count forward.
type Pair = (i64, i32);

/// Durations, for example `1.5s`.
pub(crate) mod duration {
    use super::{Deserializer, Fraction, Pair, Serializer, TextVisitor, digits, with_fraction};
    use serde::ser::Error;

    /// 10,000 years in seconds, protobuf's limit.
    const LIMIT: u64 = 315_576_000_000;

    pub(crate) fn to_serde<S: Serializer>(
        (seconds, nanos): Pair,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        if seconds.unsigned_abs() > LIMIT {
            return Err(S::Error::custom("the duration is longer than 10,000 years"));
        }
        serializer.collect_str(&format_args!("{seconds}{}s", Fraction(nanos)))
    }

    pub(crate) fn from_serde<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Pair, D::Error> {
        deserializer.deserialize_str(TextVisitor {
            parse,
            expecting: "a duration such as \"1.5s\"",
        })
    }

    pub(super) fn parse(text: &str) -> Option<Pair> {
        let number = text.strip_suffix('s')?;
        let (negative, number) = match number.strip_prefix('-') {
            Some(number) => (true, number),
            None => (false, number),
        };
        let (seconds, nanos) = with_fraction(number)?;
        let seconds = i64::try_from(digits(seconds)?).ok()?;
        if seconds.unsigned_abs() > LIMIT {
            return None;
        }
        Some(if negative {
            (-seconds, -nanos)
        } else {
            (seconds, nanos)
        })
    }
}

/// Timestamps in RFC 3339.
pub(crate) mod timestamp {
    use super::{Deserializer, Fraction, Pair, Serializer, TextVisitor, digits, with_fraction};
    use serde::ser::Error;

    /// 0001-01-01T00:00:00Z.
    const FIRST: i64 = -62_135_596_800;
    /// 9999-12-31T23:59:59Z.
    const LAST: i64 = 253_402_300_799;
    const DAY: i64 = 86_400;

    pub(crate) fn to_serde<S: Serializer>(
        (seconds, nanos): Pair,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        if !(FIRST..=LAST).contains(&seconds) {
            return Err(S::Error::custom(
                "the time is not within the years 1 to 9999",
            ));
        }
        let (year, month, day) = date_of(seconds.div_euclid(DAY));
        let time = seconds.rem_euclid(DAY);
        let (hour, minute, second) = (time / 3600, time / 60 % 60, time % 60);
        serializer.collect_str(&format_args!(
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{}Z",
            Fraction(nanos)
        ))
    }

    pub(crate) fn from_serde<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Pair, D::Error> {
        let expecting = "a time such as \"2030-01-31T08:00:00Z\"";
        deserializer.deserialize_str(TextVisitor { parse, expecting })
    }

    pub(super) fn parse(text: &str) -> Option<Pair> {
        let (date, time) = text.split_once(['T', 't'])?;
        let (time, offset) = offset(time)?;
        let (time, nanos) = with_fraction(time)?;
        let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
        let [hour, minute, second] = numbers(time, ':', [2, 2, 2])?;
        let valid =
            (1..=12).contains(&month) && day >= 1 && hour < 24 && minute < 60 && second < 60;
        let days = days_of(year, month, day);
        // A day beyond the end of its month would convert back to another date.
        if !valid || date_of(days) != (year, month, day) {
            return None;
        }
        let seconds = days * DAY + hour * 3600 + minute * 60 + second - offset;
        (FIRST..=LAST)
            .contains(&seconds)
            .then_some((seconds, nanos))
    }

    /// Splits off `Z` or `+hh:mm` and returns it as seconds east of Greenwich.
    fn offset(time: &str) -> Option<(&str, i64)> {
        if let Some(time) = time.strip_suffix(['Z', 'z']) {
            return Some((time, 0));
        }
        let (time, offset) = time.split_at_checked(time.rfind(['+', '-'])?)?;
        let [hours, minutes] = numbers(offset.get(1..)?, ':', [2, 2])?;
        let seconds = hours * 3600 + minutes * 60;
        let sign = if offset.starts_with('-') { -1 } else { 1 };
        (hours < 24 && minutes < 60).then_some((time, sign * seconds))
    }

    fn numbers<const N: usize>(text: &str, by: char, widths: [usize; N]) -> Option<[i64; N]> {
        let mut values = [0; N];
        let mut parts = text.split(by);
        for (value, width) in values.iter_mut().zip(widths) {
            let part = parts.next().filter(|part| part.len() == width)?;
            *value = i64::try_from(digits(part)?).ok()?;
        }
        parts.next().is_none().then_some(values)
    }

    /// Days from 1970-01-01 to a date of the Gregorian calendar.
    ///
    /// The calculation begins a year in March, so that the leap day is the last day of a year. 400
    /// years have 146,097 days.
    fn days_of(year: i64, month: i64, day: i64) -> i64 {
        let year = if month <= 2 { year - 1 } else { year };
        let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
        let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
        era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
    }

    /// The date of a day, given as days since 1970-01-01.
    fn date_of(days: i64) -> (i64, i64, i64) {
        let days = days + 719_468;
        let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
        let years = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * years + years / 4 - years / 100);
        let march_based = (5 * of_year + 2) / 153;
        let day = of_year - (153 * march_based + 2) / 5 + 1;
        let month = if march_based < 10 {
            march_based + 3
        } else {
            march_based - 9
        };
        (era * 400 + years + i64::from(month <= 2), month, day)
    }
}

/// Nanoseconds as a fraction with 0, 3, 6 or 9 digits.
struct Fraction(i32);

impl fmt::Display for Fraction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.unsigned_abs() {
            0 => Ok(()),
            nanos if nanos % 1_000_000 == 0 => write!(f, ".{:03}", nanos / 1_000_000),
            nanos if nanos % 1_000 == 0 => write!(f, ".{:06}", nanos / 1_000),
            nanos => write!(f, ".{nanos:09}"),
        }
    }
}

/// Splits off a fraction and returns it as nanoseconds.
fn with_fraction(text: &str) -> Option<(&str, i32)> {
    let Some((whole, fraction)) = text.split_once('.') else {
        return Some((text, 0));
    };
    let exponent = u32::try_from(9_usize.checked_sub(fraction.len())?).ok()?;
    let nanos = digits(fraction)? * 10_u64.pow(exponent);
    Some((whole, i32::try_from(nanos).ok()?))
}

/// Parses a number that consists of digits only, without a sign.
fn digits(text: &str) -> Option<u64> {
    text.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| text.parse().ok())
        .flatten()
}

struct TextVisitor {
    parse: fn(&str) -> Option<Pair>,
    expecting: &'static str,
}

impl Visitor<'_> for TextVisitor {
    type Value = Pair;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expecting)
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Pair, E> {
        (self.parse)(text).ok_or_else(|| wrong_value(text, &self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_has_a_text_that_parses_back() {
        for day in (-719_162_i64..2_932_896).step_by(97) {
            let mut text = Vec::new();
            let mut serializer = serde_json::Serializer::new(&mut text);
            timestamp::to_serde((day * 86_400 + 3_661, 5_000), &mut serializer).unwrap();
            let text = String::from_utf8(text).unwrap();
            let parsed = timestamp::parse(text.trim_matches('"'));
            assert_eq!(parsed, Some((day * 86_400 + 3_661, 5_000)), "{text}");
        }
    }

    #[test]
    fn times_with_offsets_are_read() {
        assert_eq!(timestamp::parse("1970-01-01T00:00:00Z"), Some((0, 0)));
        assert_eq!(
            timestamp::parse("1970-01-01T01:00:00.5+01:00"),
            Some((0, 500_000_000))
        );
        assert_eq!(
            timestamp::parse("2000-02-29T23:59:59-00:30"),
            Some((951_870_599, 0))
        );
    }

    #[test]
    fn malformed_times_are_rejected() {
        for text in [
            "",
            "T",
            "1970-01-01",
            "1970-01-01T00:00:00",
            "1970-1-01T00:00:00Z",
            "1970-02-29T00:00:00Z",
            "1970-13-01T00:00:00Z",
            "1970-01-01T24:00:00Z",
            "0000-12-31T00:00:00Z",
            "9999-12-31T23:59:59-00:01",
            "1970-01-01T00:00:00.Z",
            "1970-01-01T00:00:00.1234567890Z",
            "+970-01-01T00:00:00Z",
            "1970-01-01T00:00:00+é",
        ] {
            assert_eq!(timestamp::parse(text), None, "{text}");
        }
    }

    #[test]
    fn durations_are_read() {
        assert_eq!(duration::parse("1.5s"), Some((1, 500_000_000)));
        assert_eq!(duration::parse("-0.000000001s"), Some((0, -1)));
        for text in [
            "1",
            "s",
            "1.s",
            ".5s",
            "1e3s",
            "+1s",
            "315576000001s",
            "1.0000000000s",
        ] {
            assert_eq!(duration::parse(text), None, "{text}");
        }
    }
}
