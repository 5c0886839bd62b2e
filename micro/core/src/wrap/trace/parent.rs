//! `traceparent` as W3C Trace Context has it: read strictly, written in version 00.

use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::BuildHasher;

/// A trace and the span in it that acts as parent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Parent {
    trace: u128,
    span: u64,
    sampled: bool,
}

impl Parent {
    /// A new trace.
    pub(super) fn root() -> Self {
        let trace = u128::from(random()) << 64 | u128::from(random());
        Self {
            trace,
            span: random(),
            sampled: true,
        }
    }

    /// A new span in the same trace.
    pub(super) fn child(self) -> Self {
        Self {
            span: random(),
            ..self
        }
    }

    /// `None` for what the specification tells to ignore.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(5, '-');
        let version = hex(parts.next()?, 2)?;
        let (trace, span) = (hex(parts.next()?, 32)?, hex(parts.next()?, 16)?);
        let flags = hex(parts.next()?, 2)?;
        // Later versions may go on after a dash; this one ends here.
        if version == 0xff || (version == 0 && parts.next().is_some()) || trace == 0 || span == 0 {
            return None;
        }
        Some(Self {
            trace,
            span: u64::try_from(span).ok()?,
            sampled: flags & 1 == 1,
        })
    }

    pub(super) fn trace_id(self) -> String {
        format!("{:032x}", self.trace)
    }

    pub(super) fn span_id(self) -> String {
        format!("{:016x}", self.span)
    }
}

impl fmt::Display for Parent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flags = u8::from(self.sampled);
        write!(f, "00-{:032x}-{:016x}-{flags:02x}", self.trace, self.span)
    }
}

/// A number of exactly so many lower-case digits.
fn hex(text: &str, digits: usize) -> Option<u128> {
    let lower = |c: u8| matches!(c, b'0'..=b'9' | b'a'..=b'f');
    if text.len() != digits || !text.bytes().all(lower) {
        return None;
    }
    u128::from_str_radix(text, 16).ok()
}

/// A random number that is not 0. The keys of each `RandomState` differ and come from the system's
/// randomness: enough for ids, and no crate more.
fn random() -> u64 {
    RandomState::new().hash_one(0_u8).max(1)
}
