//! `Strategy`: the rule for picking a node.

use std::fmt;
use std::str::FromStr;

use micro_message::error::{Error, Result};

/// Rule for picking a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Strategy {
    /// Picks each node in turn, across all calls of a client.
    RoundRobin,
    /// Picks any node, each with equal probability.
    Random,
    /// Picks the less loaded of two random nodes: the one with fewer calls in flight and a lower
    /// latency. The default.
    #[default]
    LeastLoaded,
}

impl Strategy {
    /// All strategies.
    pub const ALL: &'static [Self] = &[Self::RoundRobin, Self::Random, Self::LeastLoaded];

    /// Returns the name used in settings: `round_robin`, `random`, `least_loaded`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::RoundRobin => "round_robin",
            Self::Random => "random",
            Self::LeastLoaded => "least_loaded",
        }
    }
}

impl fmt::Display for Strategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Strategy {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        let found = Self::ALL.iter().find(|strategy| strategy.name() == name);
        found.copied().ok_or_else(|| {
            Error::invalid_argument(format!(
                "no strategy `{}`, known: `round_robin`, `random`, `least_loaded`",
                name.escape_debug()
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_strategy_is_found_by_its_name() {
        for strategy in Strategy::ALL {
            assert_eq!(strategy.name().parse::<Strategy>().unwrap(), *strategy);
        }
        let error = "roundrobin".parse::<Strategy>().unwrap_err();
        assert!(error.to_string().contains("`round_robin`"), "{error}");
    }
}
