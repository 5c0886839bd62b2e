//! Conversion of settings from text to values.

use std::time::Duration;

/// A type of a setting's value.
pub trait FromText: Sized {
    /// Description of a valid value for error messages, for example "a duration such as `15s`".
    const EXPECTED: &'static str;

    /// Parses the text. Returns `None` if it is not a valid value.
    fn from_text(text: &str) -> Option<Self>;
}

impl FromText for String {
    const EXPECTED: &'static str = "text";

    fn from_text(text: &str) -> Option<Self> {
        Some(text.to_owned())
    }
}

impl FromText for bool {
    const EXPECTED: &'static str = "`true` or `false`";

    fn from_text(text: &str) -> Option<Self> {
        match text {
            "true" | "1" | "yes" | "on" => Some(true),
            "false" | "0" | "no" | "off" => Some(false),
            _ => None,
        }
    }
}

impl FromText for usize {
    const EXPECTED: &'static str = "a whole number; sizes may end in `KiB`, `MiB` or `GiB`";

    fn from_text(text: &str) -> Option<Self> {
        let text = text.trim();
        let units = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];
        let with_unit = |(name, unit)| Some((text.strip_suffix(name)?, unit));
        let (number, unit) = units.into_iter().find_map(with_unit).unwrap_or((text, 1));
        number.trim().parse::<Self>().ok()?.checked_mul(unit)
    }
}

impl FromText for Duration {
    const EXPECTED: &'static str = "a duration such as `250ms`, `15s` or `2m`";

    fn from_text(text: &str) -> Option<Self> {
        let text = text.trim();
        let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, unit) = text.split_at(digits);
        let seconds: f64 = number.parse().ok()?;
        let factor = match unit.trim() {
            "ns" => 1e-9,
            "us" => 1e-6,
            "ms" => 0.001,
            "s" => 1.0,
            "m" | "min" => 60.0,
            "h" => 3600.0,
            _ => return None,
        };
        Self::try_from_secs_f64(seconds * factor).ok()
    }
}

impl FromText for Option<usize> {
    const EXPECTED: &'static str = "a whole number above zero, or `none`";

    fn from_text(text: &str) -> Option<Self> {
        match text.trim() {
            "none" => Some(None),
            text => usize::from_text(text)
                .filter(|number| *number > 0)
                .map(Some),
        }
    }
}

impl FromText for Option<Duration> {
    const EXPECTED: &'static str = "a duration such as `15s` or `2m`, or `none`";

    fn from_text(text: &str) -> Option<Self> {
        match text.trim() {
            "none" => Some(None),
            text => Duration::from_text(text).map(Some),
        }
    }
}

/// Formats a duration in the syntax that settings accept.
pub fn duration_text(duration: Duration) -> String {
    if duration.subsec_nanos() == 0 {
        format!("{}s", duration.as_secs())
    } else {
        format!("{}ms", duration.as_millis())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units() {
        assert_eq!(Duration::from_text("15s"), Some(Duration::from_secs(15)));
        assert_eq!(
            Duration::from_text("250 ms"),
            Some(Duration::from_millis(250))
        );
        assert_eq!(Duration::from_text("1.5m"), Some(Duration::from_secs(90)));
        assert_eq!(Duration::from_text("7us"), Some(Duration::from_micros(7)));
        assert_eq!(Duration::from_text("9ns"), Some(Duration::from_nanos(9)));
        for wrong in ["15", "s", "", "-1s", "1d", "1e400s", "..s"] {
            assert_eq!(Duration::from_text(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn sizes_have_binary_units() {
        assert_eq!(usize::from_text("4MiB"), Some(4 << 20));
        assert_eq!(usize::from_text("16 KiB"), Some(16 << 10));
        assert_eq!(usize::from_text("2GiB"), Some(2 << 30));
        assert_eq!(usize::from_text("7"), Some(7));
        assert_eq!(usize::from_text("99999999999999999999MiB"), None);
    }
}
