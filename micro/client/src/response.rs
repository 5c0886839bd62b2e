//! What a call gives its caller: a message, or a stream of them.

use micro_core::handler::{self, ResponseType};
use micro_message::error::Result;
use micro_message::metadata::Metadata;

/// A reply and its metadata.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Response<R> {
    /// The message.
    pub message: R,
    /// What the service said before it.
    pub metadata: Metadata,
    /// What the service said after it. Of a stream: nothing, see
    /// [`Streaming::trailers`](micro_core::handler::Streaming::trailers).
    pub trailers: Metadata,
}

impl<R: ResponseType> Response<R> {
    /// Reads what a call came back with.
    pub(crate) fn read(reply: handler::Response) -> Result<Self> {
        let (metadata, message, trailers) = R::from_response(reply)?;
        Ok(Self {
            message,
            metadata,
            trailers,
        })
    }
}
