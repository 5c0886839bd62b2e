//! `Failure`: why an attempt failed and how far it got, which decides whether it may be repeated.

use crate::error::Error;

/// How far an attempt got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
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
    pub(super) reach: Reach,
    /// The error is the service's own, whose text is to be left as it is.
    pub(super) is_the_service_s: bool,
}

impl Failure {
    pub(super) fn new(reach: Reach, error: Error) -> Self {
        Self {
            error,
            reach,
            is_the_service_s: false,
        }
    }

    /// Nothing was sent, as the node cannot be reached.
    pub(super) fn unsent(message: impl Into<std::borrow::Cow<'static, str>>) -> Self {
        Self::new(Reach::Unsent, Error::unavailable(message))
    }

    /// The service's own error.
    pub(super) fn answered(error: Error) -> Self {
        Self {
            is_the_service_s: true,
            ..Self::new(Reach::Answered, error)
        }
    }
}
