//! What comes in as gRPC beside messages: content type, time-out, metadata.

use http::HeaderMap;

use crate::headers;
use crate::peer::Peer;
use micro_core::context::{Caller, Context};
use micro_message::error::Result;
use micro_wire::grpc::timeout;

/// Deadline, metadata and caller of a request.
pub(super) fn context(headers: &HeaderMap, peer: &Peer, protocol: &'static str) -> Result<Context> {
    let metadata = headers::metadata(headers, peer.shared.limits.metadata)?;
    let context = Context::new()
        .with_caller(Caller::new(Some(peer.address), protocol))
        .with_metadata(metadata);
    match headers.get(timeout::TIMEOUT) {
        None => Ok(context),
        Some(value) => timeout::read(value).map(|timeout| context.with_timeout(timeout)),
    }
}
