//! `Failure`: why an attempt failed and how far it got, which decides whether it may be retried.

use std::time::Duration;

use tokio::time::Instant;

use micro_message::error::{Error, ErrorKind};

/// Tolerance for a cancellation before the deadline. A peer that cancels a call this shortly before
/// its deadline does so because of the deadline: its clock differs, and timers have limited
/// resolution.
const DEADLINE_SKEW: Duration = Duration::from_millis(5);

/// How far an attempt got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// Nothing of the attempt left this process.
    Unsent,
    /// The peer shut down and reported that it had not begun to process the call.
    Unprocessed,
    /// The peer refused the call before a handler ran.
    Refused,
    /// The connection or the stream broke. A handler may have run.
    Lost,
    /// A response arrived: the handler's own error, or a response that cannot be read.
    Answered,
}

/// Why an attempt failed.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) error: Error,
    pub(super) reach: Progress,
    /// Whether the error is the service's own, whose text is not changed.
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

    /// Creates the failure of an attempt that sent nothing, because the node cannot be reached.
    pub(super) fn unsent(message: impl Into<std::borrow::Cow<'static, str>>) -> Self {
        Self::new(Progress::Unsent, Error::unavailable(message))
    }

    /// Creates the failure for the service's own error.
    pub(super) fn answered(error: Error) -> Self {
        Self {
            is_the_service_s: true,
            ..Self::new(Progress::Answered, error)
        }
    }

    /// Whether the peer cancelled the call because of its deadline, slightly before the client's
    /// timer fired.
    ///
    /// A server can then only reset the stream with CANCEL, which does not mention the deadline. A
    /// status that the service sends counts as late only once the deadline has passed.
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
