//! Opens an events backend by its URL: the table of schemes, and the settings after the `?`.
//!
//! This module does not read the settings of the app; the caller passes the URL.

use std::time::Duration;

use crate::handle::Events;
use crate::memory::Memory;
use micro_core::scheme::{Opener, Schemes};
use micro_message::error::{Error, Result};

micro_core::__announced!(Events, EVENTS_SCHEMES);

/// Announces a URL scheme for events. It takes the name of the scheme and a function that receives
/// the part of the URL after `://` and returns the events. The function must not open connections.
///
/// # Examples
///
/// ```
/// use micro::events::{Events, Memory};
///
/// micro::events_scheme!("elsewhere", |_rest| Ok(Events::new(Memory::new())));
///
/// assert!(Events::open("elsewhere://10.0.0.1").is_ok());
/// ```
#[macro_export]
macro_rules! events_scheme {
    ($name:expr, off $feature:literal) => {
        $crate::__private::submit! {
            [$crate::EVENTS_SCHEMES] $crate::Scheme = $crate::Scheme::off($name, $feature)
        }
    };
    ($name:expr, $open:expr $(,)?) => {
        $crate::__private::submit! {
            [$crate::EVENTS_SCHEMES] $crate::Scheme = $crate::Scheme::new($name, $open)
        }
    };
}

const KNOWN_SCHEMES: Schemes<Events> = Schemes {
    what: "events",
    own: &[Opener::new("memory", |rest| {
        Memory::open(rest).map(Events::new)
    })],
    announced,
};

pub(super) fn open(url: &str, given: &[Scheme]) -> Result<Events> {
    let given: Vec<_> = given.iter().map(|scheme| scheme.0).collect();
    KNOWN_SCHEMES.open(url, &given)
}

/// The settings of a URL: the `key=value` pairs after `?`, separated by `&`.
#[derive(Debug)]
pub struct Query<'a> {
    /// The scheme of the URL, for example `file`.
    scheme: &'a str,
    pairs: Vec<(&'a str, &'a str)>,
}

impl<'a> Query<'a> {
    /// Splits the part of the URL after `://` into the path and the settings.
    pub fn cut(scheme: &'a str, rest: &'a str) -> Result<(&'a str, Self)> {
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let pairs = query.split('&').filter(|pair| !pair.is_empty());
        let pairs = pairs.map(|pair| {
            pair.split_once('=').ok_or_else(|| {
                Error::invalid_argument(format!(
                    "`{}` in `{scheme}://…` is not `key=value`",
                    pair.escape_debug()
                ))
            })
        });
        let pairs = pairs.collect::<Result<_>>()?;
        Ok((path, Self { scheme, pairs }))
    }

    /// Removes a setting and parses it with `read`. Returns `None` if the setting is absent.
    pub fn take<T>(
        &mut self,
        key: &str,
        expected: &str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>> {
        let Some(at) = self.pairs.iter().position(|(known, _)| *known == key) else {
            return Ok(None);
        };
        let (_, value) = self.pairs.remove(at);
        match read(value) {
            Some(value) => Ok(Some(value)),
            None => Err(Error::invalid_argument(format!(
                "`{key}={}` in `{}://…` is not {expected}",
                value.escape_debug(),
                self.scheme
            ))),
        }
    }

    /// Removes and parses a size.
    pub fn bytes(&mut self, key: &str) -> Result<Option<u64>> {
        self.take(key, "a size such as `64MiB`", bytes)
    }

    /// Removes and parses a number.
    pub fn number(&mut self, key: &str) -> Result<Option<usize>> {
        self.take(key, "a number", |text| text.parse().ok())
    }

    /// Removes and parses a duration.
    pub fn duration(&mut self, key: &str) -> Result<Option<Duration>> {
        self.take(
            key,
            "a duration such as `100ms`, `30s`, `12h` or `7d`",
            duration,
        )
    }

    /// Returns an error if settings remain that were not taken.
    pub fn finish(self, known: &str) -> Result<()> {
        match self.pairs.first() {
            None => Ok(()),
            Some((key, _)) => Err(Error::invalid_argument(format!(
                "`{}://` has no setting `{}`, or not twice; known: {known}",
                self.scheme,
                key.escape_debug()
            ))),
        }
    }
}

fn bytes(text: &str) -> Option<u64> {
    let (number, unit) = number(text)?;
    let factor = match unit {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "TiB" => 1 << 40,
        _ => return None,
    };
    number.checked_mul(factor).filter(|bytes| *bytes > 0)
}

fn duration(text: &str) -> Option<Duration> {
    let (number, unit) = number(text)?;
    let millis = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    let millis = number.checked_mul(millis).filter(|millis| *millis > 0)?;
    Some(Duration::from_millis(millis))
}

fn number(text: &str) -> Option<(u64, &str)> {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    Some((number.parse().ok()?, unit))
}

#[cfg(test)]
mod tests {
    use super::*;
    use micro_message::error::ErrorKind;

    #[test]
    fn unknown_scheme_lists_the_known_ones() {
        let error = open("tape://", &[]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        assert_eq!(
            error.message(),
            "there is no events `tape`, known: `memory`"
        );
    }

    #[test]
    fn settings_are_read_and_wrong_ones_are_named() {
        let open = |url| open(url, &[]);
        open("memory://?age=1h&bytes=2MiB&remembered=9").unwrap();
        for (url, says) in [
            (
                "memory://?age=soon",
                "`age=soon` in `memory://…` is not a duration",
            ),
            ("memory://?age=0s", "is not a duration"),
            ("memory://?remembered=all", "is not a number"),
            ("memory://?bytes=1XiB", "is not a size"),
            ("memory://?colour=red", "no setting `colour`"),
            ("memory://?age=1s&age=2s", "no setting `age`, or not twice"),
            ("memory://?x", "`x` in `memory://…` is not `key=value`"),
            ("memory://there", "takes no parameters"),
        ] {
            let error = open(url).unwrap_err();
            assert!(error.message().contains(says), "{url}: {error}");
        }
    }
}
