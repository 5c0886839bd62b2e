//! What a call gives its caller: a message, or a stream of them.

use crate::codec::Message;
use crate::error::Result;
use crate::handler::{self, Streaming};
use crate::metadata::Metadata;

/// A reply and its metadata.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reply<R> {
    /// The message.
    pub message: R,
    /// What the service said before it.
    pub metadata: Metadata,
    /// What the service said after it. Of a stream: nothing, see
    /// [`Streaming::trailers`](crate::handler::Streaming::trailers).
    pub trailers: Metadata,
}

/// What [`Request`](crate::client::Request) is awaited for: a message, or
/// [`Streaming`] of messages.
///
/// Sealed: there is nothing else that a method can answer.
#[diagnostic::on_unimplemented(
    message = "no call answers with `{Self}`",
    label = "neither a message nor a stream of messages"
)]
pub trait Answered: sealed::Sealed + Sized + Send + 'static {
    /// Whether the method answers with a stream.
    #[doc(hidden)]
    const STREAMS: bool;

    /// Reads it from a reply.
    ///
    /// # Errors
    ///
    /// `Internal` for one message instead of a stream and the reverse; what is wrong with the
    /// message.
    fn read(reply: handler::Reply) -> Result<Reply<Self>>;
}

mod sealed {
    pub trait Sealed {}

    impl<M: crate::codec::Message> Sealed for M {}
    impl<M: crate::codec::Message> Sealed for crate::handler::Streaming<M> {}
}

impl<M: Message> Answered for M {
    const STREAMS: bool = false;

    fn read(reply: handler::Reply) -> Result<Reply<Self>> {
        let (metadata, body, trailers) = reply.into_parts();
        let message = body.into_one()?.into_message()?;
        Ok(Reply {
            message,
            metadata,
            trailers,
        })
    }
}

impl<M: Message> Answered for Streaming<M> {
    const STREAMS: bool = true;

    fn read(reply: handler::Reply) -> Result<Reply<Self>> {
        let metadata = reply.metadata().clone();
        Ok(Reply {
            message: Self::from_reply(reply)?,
            metadata,
            trailers: Metadata::new(),
        })
    }
}
