//! What a method takes and returns: one message, or a stream of messages.
//!
//! The traits are implemented for every message and for [`Streaming`]; the specs are the same facts
//! as values, so that generated code states a bound once.

use micro_message::codec::{Message, Types};
use micro_message::error::Result;
use micro_message::metadata::Metadata;

use crate::handler::call::{Body, Response};
use crate::handler::info::Kind;
use crate::handler::payload::{Payload, PayloadRef};
use crate::handler::streaming::{AsPayload, Streaming};

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
    fn into_response(self) -> Response;

    /// Reads it from a reply, with the metadata before and after it; a stream carries what follows
    /// it itself.
    ///
    /// # Errors
    ///
    /// `Internal` for one message instead of a stream and the reverse, and what is wrong with the
    /// message.
    fn from_response(reply: Response) -> Result<(Metadata, Self, Metadata)>;
}

#[diagnostic::do_not_recommend]
impl<M: Message> ResponseType for M {
    const STREAMS: bool = false;

    fn describe(types: &mut Types) -> String {
        M::describe(types)
    }

    fn into_response(self) -> Response {
        Response::new(self)
    }

    fn from_response(reply: Response) -> Result<(Metadata, Self, Metadata)> {
        let (metadata, body, trailers) = reply.into_parts();
        Ok((metadata, body.into_one()?.into_message()?, trailers))
    }
}

impl<M: Message> ResponseType for Streaming<M> {
    const STREAMS: bool = true;

    fn describe(types: &mut Types) -> String {
        M::describe(types)
    }

    fn into_response(self) -> Response {
        Response::from_handler(self)
    }

    fn from_response(reply: Response) -> Result<(Metadata, Self, Metadata)> {
        let metadata = reply.metadata().clone();
        Ok((metadata, Self::from_response(reply)?, Metadata::new()))
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
pub struct RequestSpec<Req> {
    streams: bool,
    pub describe: Describe,
    pub from_body: fn(Body) -> Result<Req>,
    into_body: fn(Req) -> Body,
}

impl<Req: RequestType> RequestSpec<Req> {
    /// The facts of `Q`.
    pub const fn of() -> Self {
        Self {
            streams: Req::STREAMS,
            describe: Req::describe,
            from_body: Req::from_body,
            into_body: Req::into_body,
        }
    }
}

impl<Req> RequestSpec<Req> {
    /// The kind of a method that takes `Q` and returns `A`.
    pub const fn kind<Res>(&self, response: &ResponseSpec<Res>) -> Kind {
        match (self.streams, response.streams) {
            (false, false) => Kind::Unary,
            (false, true) => Kind::ServerStream,
            (true, false) => Kind::ClientStream,
            (true, true) => Kind::Bidirectional,
        }
    }

    /// The body of a call that sends `request`.
    pub fn body(&self, request: Req) -> Body {
        (self.into_body)(request)
    }
}

/// A [`ResponseType`] as a value.
#[doc(hidden)]
#[derive(Debug)]
pub struct ResponseSpec<Res> {
    streams: bool,
    pub describe: Describe,
    pub into_response: fn(Res) -> Response,
}

impl<Res: ResponseType> ResponseSpec<Res> {
    /// The facts of `A`.
    pub const fn of() -> Self {
        Self {
            streams: Res::STREAMS,
            describe: Res::describe,
            into_response: Res::into_response,
        }
    }
}

/// A stream that a method returns, of any type that yields `A`, as a value.
#[doc(hidden)]
#[derive(Debug)]
pub struct StreamSpec<Res> {
    pub(super) response: ResponseSpec<Streaming<Res>>,
    pub(super) payload: fn(Res) -> Payload,
    pub(super) as_payload: AsPayload<Res>,
    /// The message in which errors within it travel.
    pub(super) error: Option<Describe>,
}

impl<Res: Message> StreamSpec<Res> {
    /// The facts of `A`, and the message in which errors travel.
    pub const fn of(error: Option<Describe>) -> Self {
        Self {
            response: ResponseSpec::of(),
            payload: Payload::value,
            as_payload: |message| PayloadRef::Value(message),
            error,
        }
    }
}

impl<Res> StreamSpec<Res> {
    /// What callers get.
    pub fn response_spec(self) -> ResponseSpec<Streaming<Res>> {
        self.response
    }
}
