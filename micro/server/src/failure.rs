//! A call that failed before its response began.

use micro_message::error::Error;
use micro_message::metadata::Metadata;

/// A call that failed before its response began.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) error: Error,
    /// Response metadata that the handler had set before the failure.
    pub(super) metadata: Metadata,
    pub(super) trailers: Metadata,
    /// Whether no handler has seen the call, so that the client may retry it on another node.
    pub(super) not_handled: bool,
}

impl Failure {
    /// A call that the server refuses before a handler has seen it.
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
