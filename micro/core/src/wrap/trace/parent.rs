//! The header `traceparent` of W3C Trace Context: parsed strictly, written in version 00.

use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::BuildHasher;

/// A trace, and the span in it that is the parent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Parent {
    trace: u128,
    span: u64,
    sampled: bool,
}

impl Parent {
    /// Creates a new trace.
    pub(super) fn root() -> Self {
        let trace = u128::from(random()) << 64 | u128::from(random());
        Self {
            trace,
            span: random(),
            sampled: true,
        }
    }

    /// Creates a new span in the same trace.
    pub(super) fn child(self) -> Self {
        Self {
            span: random(),
            ..self
        }
    }

    /// Parses the header. Returns `None` for values that the specification says to ignore.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(5, '-');
        let version = hex(parts.next()?, 2)?;
        let (trace, span) = (hex(parts.next()?, 32)?, hex(parts.next()?, 16)?);
        let flags = hex(parts.next()?, 2)?;
        // Later versions may append fields after a dash. Version 00 may not.
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

/// Parses a number of exactly `digits` lowercase hexadecimal digits.
fn hex(text: &str, digits: usize) -> Option<u128> {
    let lower = |c: u8| matches!(c, b'0'..=b'9' | b'a'..=b'f');
    if text.len() != digits || !text.bytes().all(lower) {
        return None;
    }
    u128::from_str_radix(text, 16).ok()
}

/// Returns a random number that is not 0. The keys of each `RandomState` differ and come from the
/// system's random number generator. That is enough for ids and needs no further dependency.
fn random() -> u64 {
    RandomState::new().hash_one(0_u8).max(1)
}
