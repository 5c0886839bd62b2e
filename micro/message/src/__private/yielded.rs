//! The items that a stream of responses may yield. The trait is in this crate because only the
//! crate that defines [`Message`] can implement it for both messages and results.

use std::convert::Infallible;

use crate::codec::Message;

/// An item of a stream: a message, or a result with a message.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a message",
    label = "not a message",
    note = "a stream must yield messages or results of messages; write for example \
            `impl Stream<Item = Result<Hello>>`",
    note = "put `#[micro::message]` on the struct or enum with data that the stream yields"
)]
pub trait Yielded {
    /// The message type.
    type Message;
    /// The error type.
    type Error;
}

#[diagnostic::do_not_recommend]
impl<M: Message> Yielded for M {
    type Message = M;
    type Error = Infallible;
}

impl<T, E> Yielded for Result<T, E> {
    type Message = T;
    type Error = E;
}
