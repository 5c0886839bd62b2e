//! Opening a broker by its URL: the table of schemes, ours and those that other crates announce.
//!
//! Does not read settings; the URL comes from whoever does.

use crate::broker::handle::Broker;
use crate::error::Result;
use crate::scheme::{Schemes, announced};

announced!(Broker, BROKER_SCHEMES);

/// Announces a broker's URL scheme: its name, and a function from what follows `://` to the
/// broker, which contacts nobody yet.
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
    ($name:expr, $open:expr $(,)?) => {
        $crate::__scheme! { broker, BROKER_SCHEMES, $name, $open }
    };
}

const SCHEMES_OF_BROKERS: Schemes<Broker> = Schemes {
    what: "broker",
    own: &[
        Scheme::new("http", Broker::open_http),
        Scheme::new("memory", Broker::open_memory),
    ],
    announced,
    later: &["nats", "rabbitmq", "kafka", "redis", "mqtt"],
};

pub(super) fn open(url: &str) -> Result<Broker> {
    SCHEMES_OF_BROKERS.open(url)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn schemes_open_or_say_what_there_is() {
        assert_eq!(open("memory://").unwrap().scheme(), "memory");
        assert_eq!(open("memory").unwrap().scheme(), "memory");
        assert!(open("memory://x").is_err());
        assert_eq!(
            open("kafka://a").unwrap_err().kind(),
            ErrorKind::Unimplemented
        );
        let error = open("kafak://a").unwrap_err();
        assert!(error.message().contains("`memory`"), "{error}");
    }
}
