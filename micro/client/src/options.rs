//! `Options`: the options of one call.

use std::fmt;
use std::time::Duration;

use tokio::time::Instant;

use crate::selector::{Filter, Strategy};
use micro_message::codec::Codec;
use micro_wire::Compression;

#[derive(Debug, Clone, Default)]
pub(super) struct Options {
    pub(super) filter: Filter,
    /// The client's strategy if `None`.
    pub(super) strategy: Option<Strategy>,
    /// Whether the call goes over the network even if this process serves the method.
    pub(super) remote: bool,
    /// Address of the only node to call, regardless of the registry.
    pub(super) address: Option<String>,
    pub(super) limit: Option<Limit>,
    /// The client's compression if `None`; `Some(None)` disables compression.
    #[expect(
        clippy::option_option,
        reason = "not set is another thing than set to none"
    )]
    pub(super) compression: Option<Option<Compression>>,
    /// Codec of the messages.
    pub(super) codec: Codec,
    /// Idle timeout of streams.
    pub(super) idle: Option<Duration>,
}

/// A time limit, with its length and origin for error messages.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limit {
    pub(super) at: Instant,
    pub(super) length: Duration,
    pub(super) whose: &'static str,
}

impl Limit {
    /// Creates a limit that starts now; `None` if the clock cannot represent its end.
    pub(super) fn after(length: Duration, whose: &'static str) -> Option<Self> {
        let at = Instant::now().checked_add(length)?;
        Some(Self { at, length, whose })
    }

    /// Creates the limit of a deadline that is set on the call's context.
    pub(super) fn until(at: Instant) -> Self {
        let length = at.saturating_duration_since(Instant::now());
        let whose = "the call's deadline";
        Self { at, length, whose }
    }

    /// Returns the earlier of two limits.
    pub(super) fn earlier(one: Option<Self>, other: Option<Self>) -> Option<Self> {
        match (one, other) {
            (Some(one), Some(other)) if other.at < one.at => Some(other),
            (one, other) => one.or(other),
        }
    }
}

/// Writes the length and the origin of the limit.
impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}, {}", round(self.length), self.whose)
    }
}

/// Rounds down to milliseconds for error messages. Durations below 10 ms are kept.
pub(super) fn round(length: Duration) -> Duration {
    if length < Duration::from_millis(10) {
        return length;
    }
    Duration::from_millis(u64::try_from(length.as_millis()).unwrap_or(u64::MAX))
}
