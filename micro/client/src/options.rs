//! `Options`: what one call asks for beside its request.

use std::fmt;
use std::time::Duration;

use tokio::time::Instant;

use crate::selector::{Filter, Strategy};
use micro_message::codec::Codec;
use micro_wire::Compression;

#[derive(Debug, Clone, Default)]
pub(super) struct Options {
    pub(super) filter: Filter,
    /// The client's when not set.
    pub(super) strategy: Option<Strategy>,
    /// Over the network even when this process serves the method.
    pub(super) remote: bool,
    /// This node only, whatever the registry says.
    pub(super) address: Option<String>,
    pub(super) limit: Option<Limit>,
    /// The client's when not set; `Some(None)` is none at all.
    #[expect(
        clippy::option_option,
        reason = "not set is another thing than set to none"
    )]
    pub(super) compression: Option<Option<Compression>>,
    /// How messages are encoded.
    pub(super) codec: Codec,
    /// How long streams may be silent.
    pub(super) idle: Option<Duration>,
}

/// A time limit, for messages.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limit {
    pub(super) at: Instant,
    pub(super) length: Duration,
    pub(super) whose: &'static str,
}

impl Limit {
    /// A limit from now on; `None` when it is too long for the clock.
    pub(super) fn after(length: Duration, whose: &'static str) -> Option<Self> {
        let at = Instant::now().checked_add(length)?;
        Some(Self { at, length, whose })
    }

    /// A limit that somebody has set on the call's context.
    pub(super) fn until(at: Instant) -> Self {
        let length = at.saturating_duration_since(Instant::now());
        let whose = "the call's deadline";
        Self { at, length, whose }
    }

    /// The earlier of two.
    pub(super) fn earlier(one: Option<Self>, other: Option<Self>) -> Option<Self> {
        match (one, other) {
            (Some(one), Some(other)) if other.at < one.at => Some(other),
            (one, other) => one.or(other),
        }
    }
}

/// How long, and whose it is.
impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}, {}", round(self.length), self.whose)
    }
}

/// To the millisecond, as nobody reads further.
pub(super) fn round(length: Duration) -> Duration {
    if length < Duration::from_millis(10) {
        return length;
    }
    Duration::from_millis(u64::try_from(length.as_millis()).unwrap_or(u64::MAX))
}
