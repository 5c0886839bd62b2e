//! `Failure`: why an attempt failed and how far it got, which decides whether it may be repeated.

use std::time::Duration;

use tokio::time::Instant;

use micro_message::error::{Error, ErrorKind};

/// A peer that cancels a call this shortly before its deadline does it for the deadline: its clock
/// is another, and timers have a grain.
const DEADLINE_SKEW: Duration = Duration::from_millis(5);

/// How far an attempt got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// Nothing of it left this process.
    Unsent,
    /// The peer left and told that it had not begun with it.
    Unprocessed,
    /// The peer refused it before a handler saw it.
    Refused,
    /// The connection or the stream broke: a handler may have run.
    Lost,
    /// A reply came: the handler's own error, or one that nobody can read.
    Answered,
}

/// Why an attempt failed.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) error: Error,
    pub(super) reach: Progress,
    /// The error is the service's own, whose text is to be left as it is.
    pub(super) is_the_service_s: bool,
}

impl Failure {
    pub(super) fn new(reach: Progress, error: Error) -> Self {
        Self {
            error,
            reach,
            is_the_service_s: false,
        }
    }

    /// Nothing was sent, as the node cannot be reached.
    pub(super) fn unsent(message: impl Into<std::borrow::Cow<'static, str>>) -> Self {
        Self::new(Progress::Unsent, Error::unavailable(message))
    }

    /// The service's own error.
    pub(super) fn answered(error: Error) -> Self {
        Self {
            is_the_service_s: true,
            ..Self::new(Progress::Answered, error)
        }
    }

    /// Whether the peer gave the call up for its deadline, a little before we noticed it.
    ///
    /// All that a server can do then is to reset the stream with CANCEL, which says nothing of
    /// time. What a service says in words is taken for that only once the deadline has passed.
    pub(super) fn is_late(&self, deadline: Option<Instant>) -> bool {
        let early = if self.is_the_service_s {
            Duration::ZERO
        } else {
            DEADLINE_SKEW
        };
        self.error.kind() == ErrorKind::Cancelled
            && deadline.is_some_and(|at| at <= Instant::now() + early)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn cancelled_by_the_deadline_is_late() {
        let reset = |error| Failure::new(Progress::Lost, error);
        let cancelled = || Error::cancelled("stream no longer needed");
        let due = Instant::now();
        for (in_time, failure, late) in [
            (Duration::ZERO, reset(cancelled()), true),
            (DEADLINE_SKEW, reset(cancelled()), true),
            (2 * DEADLINE_SKEW, reset(cancelled()), false),
            (Duration::ZERO, Failure::answered(cancelled()), true),
            (DEADLINE_SKEW, Failure::answered(cancelled()), false),
            (Duration::ZERO, reset(Error::internal("bug")), false),
        ] {
            let deadline = Some(due + in_time);
            assert_eq!(failure.is_late(deadline), late, "{in_time:?} {failure:?}");
            assert!(!failure.is_late(None));
        }
    }
}
