//! Replaces reflection when the cargo feature `reflection` is off. No descriptors are returned, so
//! that none are checked.

use micro_core::handler::Router;
use micro_message::error::Error;

/// Returns an error for every name that protobuf does not allow. Without the cargo feature
/// `reflection`, names are not checked.
pub fn check_reflection(_: &Router) -> Vec<Error> {
    Vec::new()
}
