//! What a method takes and returns: one message, or a stream of messages.
//!
//! The traits are implemented for every message and for [`Streaming`]; the specs are the same facts
//! as values, so that generated code states a bound once.

use micro_message::codec::{Message, Types};
use micro_message::error::Result;
use micro_message::metadata::Metadata;

use crate::handler::call::{Body, Reply};
use crate::handler::info::Kind;
use crate::handler::payload::{Payload, PayloadRef};
use crate::handler::streaming::{Look, Streaming};

/// Adds a message's descriptor and returns its full name: `M::describe`.
pub type Describe = fn(&mut Types) -> String;

/// The request of a method: a message, or [`Streaming`] of messages.
///
/// Sealed: a method can take nothing else.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a message",
    label = "not a message",
    note = "if `{Self}` is your own struct or enum with data, put `#[micro::message]` on it",
    note = "to send a number, a string, a list or an enum without data, make it a field of such a \
            struct; write a stream of requests as `Streaming<…>`"
)]
pub trait RequestType: sealed::Sealed + Sized + Send + 'static {
    /// Whether it is a stream.
    const STREAMS: bool;

    /// Adds the message's descriptor; returns its full name.
    fn describe(types: &mut Types) -> String;

    /// Reads it from the body of a call.
    ///
    /// # Errors
    ///
    /// `Internal` for one message instead of a stream and the reverse, `InvalidArgument` for a
    /// malformed message.
    fn from_body(body: Body) -> Result<Self>;

    /// The body of a call that sends it.
    fn into_body(self) -> Body;
}

#[diagnostic::do_not_recommend]
impl<M: Message> RequestType for M {
    const STREAMS: bool = false;

    fn describe(types: &mut Types) -> String {
        M::describe(types)
    }

    fn from_body(body: Body) -> Result<Self> {
        body.into_one()?.into_message()
    }

    fn into_body(self) -> Body {
        Body::One(Payload::value(self))
    }
}

impl<M: Message> RequestType for Streaming<M> {
    const STREAMS: bool = true;

    fn describe(types: &mut Types) -> String {
        M::describe(types)
    }

    fn from_body(body: Body) -> Result<Self> {
        Self::from_body(body)
    }

    fn into_body(self) -> Body {
        Body::Many(self.into_payloads())
    }
}

/// The response of a method: a message, or [`Streaming`] of messages.
///
/// Sealed: a method can return nothing else.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a message",
    label = "not a message",
    note = "if `{Self}` is your own struct or enum with data, put `#[micro::message]` on it",
    note = "to send a number, a string, a list or an enum without data, make it a field of such a \
            struct",
    note = "to send several messages, return a stream: `Result<Streaming<…>>` or \
            `Result<impl Stream<Item = Result<…>>>`"
)]
pub trait ResponseType: sealed::Sealed + Sized + Send + 'static {
    /// Whether it is a stream.
    const STREAMS: bool;

    /// Adds the message's descriptor; returns its full name.
    fn describe(types: &mut Types) -> String;

    /// The reply that carries it.
    fn into_reply(self) -> Reply;

    /// Reads it from a reply, with the metadata before and after it; a stream carries what follows
    /// it itself.
    ///
    /// # Errors
    ///
    /// `Internal` for one message instead of a stream and the reverse, and what is wrong with the
    /// message.
    fn from_reply(reply: Reply) -> Result<(Metadata, Self, Metadata)>;
}

#[diagnostic::do_not_recommend]
impl<M: Message> ResponseType for M {
    const STREAMS: bool = false;

    fn describe(types: &mut Types) -> String {
        M::describe(types)
    }

    fn into_reply(self) -> Reply {
        Reply::new(self)
    }

    fn from_reply(reply: Reply) -> Result<(Metadata, Self, Metadata)> {
        let (metadata, body, trailers) = reply.into_parts();
        Ok((metadata, body.into_one()?.into_message()?, trailers))
    }
}

impl<M: Message> ResponseType for Streaming<M> {
    const STREAMS: bool = true;

    fn describe(types: &mut Types) -> String {
        M::describe(types)
    }

    fn into_reply(self) -> Reply {
        Reply::answer(self)
    }

    fn from_reply(reply: Reply) -> Result<(Metadata, Self, Metadata)> {
        let metadata = reply.metadata().clone();
        Ok((metadata, Self::from_reply(reply)?, Metadata::new()))
    }
}

mod sealed {
    use micro_message::codec::Message;

    use crate::handler::streaming::Streaming;

    pub trait Sealed {}

    #[diagnostic::do_not_recommend]
    impl<M: Message> Sealed for M {}
    impl<M: Message> Sealed for Streaming<M> {}
}

/// A [`RequestType`] as a value.
#[doc(hidden)]
#[derive(Debug)]
pub struct RequestSpec<Q> {
    streams: bool,
    pub describe: Describe,
    pub from_body: fn(Body) -> Result<Q>,
    into_body: fn(Q) -> Body,
}

impl<Q: RequestType> RequestSpec<Q> {
    /// The facts of `Q`.
    pub const fn of() -> Self {
        Self {
            streams: Q::STREAMS,
            describe: Q::describe,
            from_body: Q::from_body,
            into_body: Q::into_body,
        }
    }
}

impl<Q> RequestSpec<Q> {
    /// The kind of a method that takes `Q` and returns `A`.
    pub const fn kind<A>(&self, response: &ResponseSpec<A>) -> Kind {
        match (self.streams, response.streams) {
            (false, false) => Kind::Unary,
            (false, true) => Kind::ServerStream,
            (true, false) => Kind::ClientStream,
            (true, true) => Kind::Bidirectional,
        }
    }

    /// The body of a call that sends `request`.
    pub fn body(&self, request: Q) -> Body {
        (self.into_body)(request)
    }
}

/// A [`ResponseType`] as a value.
#[doc(hidden)]
#[derive(Debug)]
pub struct ResponseSpec<A> {
    streams: bool,
    pub describe: Describe,
    pub into_reply: fn(A) -> Reply,
}

impl<A: ResponseType> ResponseSpec<A> {
    /// The facts of `A`.
    pub const fn of() -> Self {
        Self {
            streams: A::STREAMS,
            describe: A::describe,
            into_reply: A::into_reply,
        }
    }
}

/// A stream that a method returns, of any type that yields `A`, as a value.
#[doc(hidden)]
#[derive(Debug)]
pub struct StreamSpec<A> {
    pub(super) response: ResponseSpec<Streaming<A>>,
    pub(super) payload: fn(A) -> Payload,
    pub(super) look: Look<A>,
    /// The message in which errors within it travel.
    pub(super) error: Option<Describe>,
}

impl<A: Message> StreamSpec<A> {
    /// The facts of `A`, and the message in which errors travel.
    pub const fn of(error: Option<Describe>) -> Self {
        Self {
            response: ResponseSpec::of(),
            payload: Payload::value,
            look: |message| PayloadRef::Value(message),
            error,
        }
    }
}

impl<A> StreamSpec<A> {
    /// What callers get.
    pub fn answer(self) -> ResponseSpec<Streaming<A>> {
        self.response
    }
}
