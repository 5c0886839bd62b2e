//! A call that failed before its reply began.

use micro_message::error::Error;
use micro_message::metadata::Metadata;

/// A call that failed before its reply began.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) error: Error,
    /// What the handler had set before.
    pub(super) metadata: Metadata,
    pub(super) trailers: Metadata,
    /// No handler has seen the call, and another node may accept it.
    pub(super) not_handled: bool,
}

impl Failure {
    /// A call that this server refuses for a reason of its own, before any handler has seen it.
    pub(super) fn not_handled(error: Error) -> Self {
        Self {
            not_handled: true,
            ..error.into()
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self {
            error,
            metadata: Metadata::new(),
            trailers: Metadata::new(),
            not_handled: false,
        }
    }
}
