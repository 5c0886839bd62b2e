//! Opens brokers by URL, from a table of built-in schemes and schemes registered by other crates.
//!
//! This module does not read settings; the caller passes the URL.

use crate::handle::Broker;
use micro_core::scheme::{Opener, Schemes};
use micro_message::error::Result;

micro_core::__announced!(Broker, BROKER_SCHEMES);

/// Registers a URL scheme for brokers: its name, and a function that creates the broker from the
/// part of the URL after `://`. The function must not connect yet.
///
/// # Examples
///
/// ```
/// use micro::broker::{Broker, Memory};
///
/// micro::broker_scheme!("nearby", |_rest| Ok(Broker::new(Memory::new())));
///
/// assert!(Broker::open("nearby://10.0.0.1").is_ok());
/// ```
#[macro_export]
macro_rules! broker_scheme {
    ($name:expr, off $feature:literal) => {
        $crate::__private::submit! {
            [$crate::BROKER_SCHEMES] $crate::Scheme = $crate::Scheme::off($name, $feature)
        }
    };
    ($name:expr, $open:expr $(,)?) => {
        $crate::__private::submit! {
            [$crate::BROKER_SCHEMES] $crate::Scheme = $crate::Scheme::new($name, $open)
        }
    };
}

const KNOWN_SCHEMES: Schemes<Broker> = Schemes {
    what: "broker",
    own: &[Opener::new("memory", Broker::open_memory)],
    announced,
};

pub(super) fn open(url: &str, given: &[Scheme]) -> Result<Broker> {
    let given: Vec<_> = given.iter().map(|scheme| scheme.0).collect();
    KNOWN_SCHEMES.open(url, &given)
}

#[cfg(test)]
mod tests {
    use micro_message::error::ErrorKind;

    #[test]
    fn schemes_open_or_say_what_there_is() {
        let open = |url| super::open(url, &[]);
        assert_eq!(open("memory://").unwrap().scheme(), "memory");
        assert_eq!(open("memory").unwrap().scheme(), "memory");
        assert!(open("memory://x").is_err());
        let error = open("kafak://a").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        assert!(error.message().contains("`memory`"), "{error}");
    }
}
