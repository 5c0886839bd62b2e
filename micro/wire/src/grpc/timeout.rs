//! `grpc-timeout`: at most eight digits and a unit.

use std::time::Duration;

use http::header::{HeaderName, HeaderValue};

use micro_message::error::{Error, Result};

/// The time after which the caller stops waiting.
pub const TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");

/// Parses a timeout.
///
/// # Errors
///
/// `InvalidArgument` that contains the value and the expected format.
pub fn read(value: &HeaderValue) -> Result<Duration> {
    parse(value.as_bytes()).ok_or_else(|| {
        Error::invalid_argument(format!(
            "`grpc-timeout: {}` must be up to eight digits and one of H, M, S, m, u, n",
            String::from_utf8_lossy(value.as_bytes()).escape_debug()
        ))
    })
}

fn parse(value: &[u8]) -> Option<Duration> {
    let (&unit, digits) = value.split_last()?;
    let digits = std::str::from_utf8(digits).ok()?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let count: u64 = digits.parse().ok()?;
    Some(match unit {
        b'H' => Duration::from_secs(count * 3600),
        b'M' => Duration::from_secs(count * 60),
        b'S' => Duration::from_secs(count),
        b'm' => Duration::from_millis(count),
        b'u' => Duration::from_micros(count),
        b'n' => Duration::from_nanos(count),
        _ => return None,
    })
}

/// Formats the remaining time.
///
/// The value is rounded up by at most a thirtieth, so that equal timeouts have the same text and
/// HTTP/2's header compression can index it.
pub fn write(remaining: Duration) -> HeaderValue {
    let micros = u64::try_from(remaining.as_micros())
        .unwrap_or(u64::MAX)
        .max(1);
    let mut grain = 1;
    while micros / grain > 300 {
        grain *= 10;
    }
    let micros = micros.div_ceil(grain).saturating_mul(grain);
    let text = match micros {
        0..10_000_000 => format!("{micros}u"),
        10_000_000..10_000_000_000 => format!("{}m", micros.div_ceil(1_000)),
        _ => format!("{}S", micros.div_ceil(1_000_000).min(99_999_999)),
    };
    HeaderValue::try_from(text).expect("digits and a letter")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_have_a_number_and_a_unit() {
        let read = |text: &str| read(&HeaderValue::from_str(text).unwrap());
        assert_eq!(read("5S").unwrap(), Duration::from_secs(5));
        assert_eq!(read("99999999H").unwrap().as_secs(), 99_999_999 * 3600);
        assert_eq!(read("250m").unwrap(), Duration::from_millis(250));
        for bad in ["", "S", "5", "5s", "-5S", "123456789n", "+5S", "5 S"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn timeouts_are_rounded_up_a_little_and_fit_eight_digits() {
        let cases = [
            (Duration::ZERO, "1u"),
            (Duration::from_micros(250), "250u"),
            (Duration::from_micros(1_999_990), "2000000u"),
            (Duration::from_micros(29_999_900), "30000m"),
            (Duration::from_secs(86_400), "87000S"),
            (Duration::MAX, "99999999S"),
        ];
        for (length, text) in cases {
            assert_eq!(write(length), text, "{length:?}");
        }
    }

    #[test]
    fn a_timeout_that_was_written_is_never_shorter_when_read() {
        for micros in [1, 299, 301, 12_345, 9_999_999, 10_000_001, 3_600_000_000] {
            let length = Duration::from_micros(micros);
            let read = read(&write(length)).unwrap();
            assert!(
                read >= length && read <= length + length / 30,
                "{length:?} {read:?}"
            );
        }
    }
}
