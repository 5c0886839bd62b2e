//! Methods and calls from parts that know the messages: where generated code states its bounds.
//!
//! A bound is stated once, by [`question`] and [`answer`], so that a type that is no message is
//! reported once although service and client both name it.

#![allow(
    clippy::needless_pass_by_value,
    reason = "values that only carry a type"
)]

use std::any::Any;
use std::future::Future;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_core::Stream;

use crate::__private::check::Yielded;
use crate::client::{Client, Request};
use crate::codec::Message;
use crate::error::Result;
use crate::handler::{
    Body, Describe, Kind, Method, MethodError, MethodInfo, Parts, Payload, PayloadRef, Reply,
    Served, ServiceInfo, StreamItem, Streaming,
};
use crate::schema::Types;

/// What a method may take: a message, or a stream of such.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a message",
    label = "not a message",
    note = "if `{Self}` is your own struct or enum with data, put `#[micro::message]` on it",
    note = "a number, text, list or enum without data is sent as the field of such a struct; a \
            stream of requests is `Streaming<…>`"
)]
pub trait Asked: Sized + Send + 'static {
    /// Whether it is a stream.
    const STREAMS: bool;
    /// Adds the message's descriptor.
    fn describe(types: &mut Types) -> String;
    /// Reads it from a call.
    fn take(body: Body) -> Result<Self>;
    /// Puts it into a call.
    fn send(self) -> Body;
}

#[diagnostic::do_not_recommend]
impl<M: Message> Asked for M {
    const STREAMS: bool = false;

    fn describe(types: &mut Types) -> String {
        M::describe(types)
    }

    fn take(body: Body) -> Result<Self> {
        body.into_one()?.into_message()
    }

    fn send(self) -> Body {
        Body::One(Payload::value(self))
    }
}

impl<T: Message> Asked for Streaming<T> {
    const STREAMS: bool = true;

    fn describe(types: &mut Types) -> String {
        T::describe(types)
    }

    fn take(body: Body) -> Result<Self> {
        Self::from_body(body)
    }

    fn send(self) -> Body {
        Body::Many(self.into_payloads())
    }
}

/// What a method may answer: a message, or a stream of such.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a message",
    label = "not a message",
    note = "if `{Self}` is your own struct or enum with data, put `#[micro::message]` on it",
    note = "a number, text, list or enum without data is sent as the field of such a struct",
    note = "many messages are a stream: `Result<Streaming<…>>`, or `Result<impl Stream<Item = \
            Result<…>>>`"
)]
pub trait Replied: Sized + Send + 'static {
    /// Whether it is a stream.
    const STREAMS: bool;
    /// Adds the message's descriptor.
    fn describe(types: &mut Types) -> String;
    /// Makes a reply of it.
    fn reply(self) -> Reply;
}

#[diagnostic::do_not_recommend]
impl<M: Message> Replied for M {
    const STREAMS: bool = false;

    fn describe(types: &mut Types) -> String {
        M::describe(types)
    }

    fn reply(self) -> Reply {
        Reply::new(self)
    }
}

impl<T: Message> Replied for Streaming<T> {
    const STREAMS: bool = true;

    fn describe(types: &mut Types) -> String {
        T::describe(types)
    }

    fn reply(self) -> Reply {
        Reply::answer(self)
    }
}

/// What is known of a request's type.
#[derive(Debug)]
pub struct Question<Q> {
    streams: bool,
    pub(super) describe: fn(&mut Types) -> String,
    pub(super) take: fn(Body) -> Result<Q>,
    send: fn(Q) -> Body,
}

/// What is known of a reply's type.
#[derive(Debug)]
pub struct Answer<A> {
    streams: bool,
    pub(super) describe: fn(&mut Types) -> String,
    reply: fn(A) -> Reply,
}

/// A request is a message or a stream of such.
pub const fn question<Q: Asked>() -> Question<Q> {
    Question {
        streams: Q::STREAMS,
        describe: Q::describe,
        take: Q::take,
        send: Q::send,
    }
}

/// A reply is a message or a stream of such.
pub const fn answer<A: Replied>() -> Answer<A> {
    Answer {
        streams: A::STREAMS,
        describe: A::describe,
        reply: A::reply,
    }
}

/// A message as it lies in a stream's hand.
pub(super) type Look<A> = fn(&A) -> PayloadRef<'_>;

/// What is known of a stream that a method returns.
#[derive(Debug)]
pub struct Yields<A> {
    pub(super) answer: Answer<Streaming<A>>,
    pub(super) payload: fn(A) -> Payload,
    pub(super) look: Look<A>,
    /// The message in which errors within it travel.
    pub(super) fails: Option<Describe>,
}

impl<A> Yields<A> {
    /// What callers get.
    pub fn answer(self) -> Answer<Streaming<A>> {
        self.answer
    }
}

/// A request is a stream of messages.
pub const fn questions<T: Message>() -> Question<Streaming<T>> {
    question()
}

/// A reply is a stream of messages.
pub const fn answers<T: Message>() -> Answer<Streaming<T>> {
    answer()
}

/// A reply is a stream that yields `Y`.
pub const fn yields<Y: Yielded<Message: Message, Error: MethodError>>() -> Yields<Y::Message> {
    Yields {
        answer: answer(),
        payload: Payload::value,
        look: |message| PayloadRef::Value(message),
        fails: <Y::Error as MethodError>::DESCRIBE,
    }
}

impl<Q> Question<Q> {
    pub(super) const fn kind<A>(&self, answer: &Answer<A>) -> Kind {
        match (self.streams, answer.streams) {
            (false, false) => Kind::Unary,
            (false, true) => Kind::ServerStream,
            (true, false) => Kind::ClientStream,
            (true, true) => Kind::Bidirectional,
        }
    }
}

/// A method; what it takes and answers says of which kind.
pub fn method<Q, A, Function, Running>(
    name: &'static str,
    question: Question<Q>,
    answer: Answer<A>,
    function: Function,
) -> Method
where
    Q: 'static,
    A: 'static,
    Function: Fn(Parts, Q) -> Running + Clone + Send + Sync + 'static,
    Running: Future<Output = Result<A>> + Send + 'static,
{
    let kind = question.kind(&answer);
    let describe = (question.describe, answer.describe);
    Method::raw(name, kind, describe, move |parts, body| {
        let function = function.clone();
        Box::pin(async move {
            let running = function(parts, (question.take)(body)?);
            Ok((answer.reply)(running.await?))
        })
    })
}

/// A table whose entries `#[cfg]` may have taken away.
pub fn methods<const N: usize>(table: [Method; N]) -> Vec<Method> {
    table.into()
}

/// A contract as a service implements it.
#[derive(Debug)]
pub struct Contract {
    /// Its names.
    pub info: ServiceInfo,
    /// Its methods, of that service.
    pub methods: fn() -> Vec<Method>,
}

impl Contract {
    /// The contract as what is served.
    pub fn served(self) -> Served {
        Served::new(self.info).methods((self.methods)())
    }
}

/// What a client knows of a method; its path is put together on the first call.
#[derive(Debug)]
pub struct LazyMethod {
    name: &'static str,
    idempotent: bool,
    safe: bool,
    timeout: Option<Duration>,
    message_limit: Option<usize>,
    info: OnceLock<Arc<MethodInfo>>,
}

impl LazyMethod {
    /// A method by its name on the wire.
    pub const fn new(name: &'static str) -> Self {
        Self {
            name,
            idempotent: false,
            safe: false,
            timeout: None,
            message_limit: None,
            info: OnceLock::new(),
        }
    }

    /// Says that running it twice is the same as running it once.
    pub const fn idempotent(mut self) -> Self {
        self.idempotent = true;
        self
    }

    /// Says that running it changes nothing.
    pub const fn safe(mut self) -> Self {
        self.safe = true;
        self.idempotent()
    }

    /// Sets how long a call may take when its caller sets no deadline.
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Sets the longest message in either direction, in bytes.
    pub const fn message_limit(mut self, bytes: usize) -> Self {
        self.message_limit = Some(bytes);
        self
    }

    fn info(&self, service: &'static ServiceInfo, kind: Kind) -> &Arc<MethodInfo> {
        self.info.get_or_init(|| {
            let mut info = MethodInfo::of(service, self.name).kind(kind);
            (info.idempotent, info.safe) = (self.idempotent, self.safe);
            info.timeout = self.timeout;
            info.message_limit = self.message_limit;
            Arc::new(info)
        })
    }
}

/// Where a call goes.
#[derive(Debug)]
pub struct Target<'a> {
    /// The client.
    pub client: &'a Client,
    /// The service.
    pub service: &'static ServiceInfo,
    /// Its method.
    pub method: &'static LazyMethod,
}

/// A call, to be awaited.
pub fn request<Q, A, E>(
    target: &Target<'_>,
    question: Question<Q>,
    answer: Answer<A>,
    request: Q,
) -> Request<A, E> {
    let kind = question.kind(&answer);
    let method = Arc::clone(target.method.info(target.service, kind));
    Request::with_body(target.client.clone(), method, (question.send)(request))
}

/// Any stream as the requests of a call.
pub fn requests<Q: Message>(
    messages: impl Stream<Item: StreamItem<Q>> + Send + 'static,
) -> Streaming<Q> {
    let mut messages = Some(messages);
    // One that is of this type already is not packed again.
    let whole: &mut dyn Any = &mut messages;
    match whole.downcast_mut::<Option<Streaming<Q>>>() {
        Some(whole) => whole.take(),
        None => messages.take().map(Streaming::new),
    }
    .expect("it was put there above")
}
