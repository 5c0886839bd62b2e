//! What ends a call: status and trailing metadata.

use http::header::HeaderMap;

use crate::headers;
use micro_message::error::Error;
use micro_message::metadata::Metadata;
use micro_wire::grpc::status;

/// What follows the messages of a call: its status, and the reply's trailing metadata.
pub(crate) fn trailers(outcome: Result<(), &Error>, metadata: &Metadata) -> HeaderMap {
    let room = if outcome.is_ok() { 1 } else { 3 };
    let mut trailers = HeaderMap::with_capacity(room + metadata.len());
    match outcome {
        Ok(()) => status::write_ok(&mut trailers),
        Err(error) => status::write(error, &mut trailers),
    }
    if let Err(error) = headers::write(metadata, &mut trailers) {
        tracing::warn!(%error, "metadata after a reply left out");
    }
    trailers
}
