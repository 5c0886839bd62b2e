//! `Response`: the result of a call, a message or a stream of messages.

use micro_core::handler::{self, ResponseType};
use micro_message::error::Result;
use micro_message::metadata::Metadata;

/// A response and its metadata.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Response<R> {
    /// The message.
    pub message: R,
    /// Metadata that the service sent before the message.
    pub metadata: Metadata,
    /// Metadata that the service sent after the message. Empty for a stream; use
    /// [`Streaming::trailers`](micro_core::handler::Streaming::trailers) instead.
    pub trailers: Metadata,
}

impl<R: ResponseType> Response<R> {
    /// Converts the response of a call.
    pub(crate) fn read(reply: handler::Response) -> Result<Self> {
        let (metadata, message, trailers) = R::from_response(reply)?;
        Ok(Self {
            message,
            metadata,
            trailers,
        })
    }
}
