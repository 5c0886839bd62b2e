//! What a stream of responses may yield. It stands here because only the crate of [`Message`] may
//! tell messages from results.

use std::convert::Infallible;

use crate::codec::Message;

/// What a stream may yield: a message, or a result of one.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a message",
    label = "not a message",
    note = "a stream must yield messages or results of messages; write for example \
            `impl Stream<Item = Result<Hello>>`",
    note = "put `#[micro::message]` on the struct or enum with data that the stream yields"
)]
pub trait Yielded {
    /// The message.
    type Message;
    /// The error.
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
