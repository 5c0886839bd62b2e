//! The request and response types of methods: one message, or a stream of messages.
//!
//! The traits are implemented for every message and for [`Streaming`]. The specs are the same
//! information as values, so that generated code states each bound once.

use micro_message::codec::{Message, Types};
use micro_message::error::Result;
use micro_message::metadata::Metadata;

use crate::handler::call::{Body, Response};
use crate::handler::info::Kind;
use crate::handler::payload::{Payload, PayloadRef};
use crate::handler::streaming::{AsPayload, Streaming};

/// Adds the descriptor of a message and returns the message's full name. Usually `M::describe`.
pub type Describe = fn(&mut Types) -> String;

/// The request of a method: a message, or [`Streaming`] of messages.
///
/// Sealed: no other type can be a request.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a message",
    label = "not a message",
    note = "if `{Self}` is your own struct or enum with data, put `#[micro::message]` on it",
    note = "to send a number, a string, a list or an enum without data, make it a field of such a \
            struct; write a stream of requests as `Streaming<…>`"
)]
pub trait RequestType: sealed::Sealed + Sized + Send + 'static {
    /// Whether the type is a stream.
    const STREAMS: bool;

    /// Adds the descriptor of the message and returns the message's full name.
    fn describe(types: &mut Types) -> String;

    /// Decodes the request from the body of a call.
    ///
    /// # Errors
    ///
    /// `Internal` if the body is one message instead of a stream or the reverse. `InvalidArgument`
    /// if a message is malformed.
    fn from_body(body: Body) -> Result<Self>;

    /// Returns the body of a call that sends the request.
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
/// Sealed: no other type can be a response.
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
    /// Whether the type is a stream.
    const STREAMS: bool;

    /// Adds the descriptor of the message and returns the message's full name.
    fn describe(types: &mut Types) -> String;

    /// Converts the value to a response.
    fn into_response(self) -> Response;

    /// Decodes the value from a response. Returns it with the metadata before and after it. A
    /// stream has its own trailers, so for a stream the last value is empty.
    ///
    /// # Errors
    ///
    /// `Internal` if the response is one message instead of a stream or the reverse, and the error
    /// of decoding the message.
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
    /// Creates the spec of `Req`.
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
    /// Returns the kind of a method that takes `Req` and returns `Res`.
    pub const fn kind<Res>(&self, response: &ResponseSpec<Res>) -> Kind {
        match (self.streams, response.streams) {
            (false, false) => Kind::Unary,
            (false, true) => Kind::ServerStream,
            (true, false) => Kind::ClientStream,
            (true, true) => Kind::Bidirectional,
        }
    }

    /// Returns the body of a call that sends `request`.
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
    /// Creates the spec of `Res`.
    pub const fn of() -> Self {
        Self {
            streams: Res::STREAMS,
            describe: Res::describe,
            into_response: Res::into_response,
        }
    }
}

/// The spec of a stream of any type that yields `Res`.
#[doc(hidden)]
#[derive(Debug)]
pub struct StreamSpec<Res> {
    pub(super) response: ResponseSpec<Streaming<Res>>,
    pub(super) payload: fn(Res) -> Payload,
    pub(super) as_payload: AsPayload<Res>,
    /// Descriptor of the message that encodes errors of the stream.
    pub(super) error: Option<Describe>,
}

impl<Res: Message> StreamSpec<Res> {
    /// Creates the spec of a stream of `Res`. `error` describes the message that encodes errors.
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
    /// Returns the spec of the stream that callers receive.
    pub fn response_spec(self) -> ResponseSpec<Streaming<Res>> {
        self.response
    }
}
