//! `Method`: one callable method of a service, and how it is run.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use crate::codec::Message;
use crate::context::Context;
use crate::error::Result;
use crate::handler::call::{Body, BoxFuture, Reply};
use crate::handler::info::{Kind, Location};
use crate::handler::inject::Parts;
use crate::handler::streaming::Streaming;
use crate::schema::Types;
use crate::schema::http::HttpRule;

/// How a method is run: decodes, calls the function, hands the reply back.
pub(super) type Serve = Arc<dyn Fn(Parts, Body) -> BoxFuture<'static, Result<Reply>> + Send + Sync>;

/// Adds a message's descriptor and returns its full name: `M::describe`.
pub type Describe = fn(&mut Types) -> String;

/// One callable method of a service.
///
/// # Examples
///
/// By hand, without any attribute:
///
/// ```
/// use std::sync::Arc;
/// use micro::Context;
/// use micro::handler::Method;
///
/// struct Bell;
///
/// let ring = Method::unary("Ring", |_: Arc<Bell>, _: Context, (): ()| async { Ok(()) });
/// # drop(ring);
/// ```
#[derive(Clone)]
pub struct Method {
    pub(super) name: &'static str,
    pub(super) doc: &'static str,
    pub(super) deprecated: bool,
    pub(super) kind: Kind,
    pub(super) idempotent: bool,
    pub(super) safe: bool,
    pub(super) timeout: Option<Duration>,
    pub(super) message_limit: Option<usize>,
    pub(super) http: &'static [HttpRule],
    pub(super) error: Option<Describe>,
    pub(super) location: Option<Location>,
    pub(super) input: Describe,
    pub(super) output: Describe,
    pub(super) serve: Serve,
}

impl Method {
    /// A unary method from an async function of service, context and request.
    pub fn unary<S, Request, Answer, Function, Running>(
        name: &'static str,
        function: Function,
    ) -> Self
    where
        S: Send + Sync + 'static,
        Request: Message,
        Answer: Message,
        Function: Fn(Arc<S>, Context, Request) -> Running + Clone + Send + Sync + 'static,
        Running: Future<Output = Result<Answer>> + Send + 'static,
    {
        Self::unary_from_parts(name, move |parts: Parts, request| {
            let service = parts.service::<S>();
            let function = function.clone();
            async move { function(service?, parts.context, request).await }
        })
    }

    /// A unary method from an async function of [`Parts`] and request.
    pub fn unary_from_parts<Request, Answer, Function, Running>(
        name: &'static str,
        function: Function,
    ) -> Self
    where
        Request: Message,
        Answer: Message,
        Function: Fn(Parts, Request) -> Running + Clone + Send + Sync + 'static,
        Running: Future<Output = Result<Answer>> + Send + 'static,
    {
        let sides = Sides {
            kind: Kind::Unary,
            describe: (Request::describe, Answer::describe),
            take: one,
            reply: Reply::new,
        };
        Self::typed(name, sides, function)
    }

    /// A method that answers one request with a stream.
    pub fn server_stream<Request, Answer, Function, Running>(
        name: &'static str,
        function: Function,
    ) -> Self
    where
        Request: Message,
        Answer: Message,
        Function: Fn(Parts, Request) -> Running + Clone + Send + Sync + 'static,
        Running: Future<Output = Result<Streaming<Answer>>> + Send + 'static,
    {
        let sides = Sides {
            kind: Kind::ServerStream,
            describe: (Request::describe, Answer::describe),
            take: one,
            reply: Reply::answer,
        };
        Self::typed(name, sides, function)
    }

    /// A method that answers a stream of requests with one reply.
    pub fn client_stream<Request, Answer, Function, Running>(
        name: &'static str,
        function: Function,
    ) -> Self
    where
        Request: Message,
        Answer: Message,
        Function: Fn(Parts, Streaming<Request>) -> Running + Clone + Send + Sync + 'static,
        Running: Future<Output = Result<Answer>> + Send + 'static,
    {
        let sides = Sides {
            kind: Kind::ClientStream,
            describe: (Request::describe, Answer::describe),
            take: Streaming::from_body,
            reply: Reply::new,
        };
        Self::typed(name, sides, function)
    }

    /// A method that answers a stream of requests with a stream of replies.
    pub fn bidirectional<Request, Answer, Function, Running>(
        name: &'static str,
        function: Function,
    ) -> Self
    where
        Request: Message,
        Answer: Message,
        Function: Fn(Parts, Streaming<Request>) -> Running + Clone + Send + Sync + 'static,
        Running: Future<Output = Result<Streaming<Answer>>> + Send + 'static,
    {
        let sides = Sides {
            kind: Kind::Bidirectional,
            describe: (Request::describe, Answer::describe),
            take: Streaming::from_body,
            reply: Reply::answer,
        };
        Self::typed(name, sides, function)
    }

    fn typed<Asked, Answered, Function, Running>(
        name: &'static str,
        Sides {
            kind,
            describe,
            take,
            reply,
        }: Sides<Asked, Answered>,
        function: Function,
    ) -> Self
    where
        Asked: Send + 'static,
        Answered: 'static,
        Function: Fn(Parts, Asked) -> Running + Clone + Send + Sync + 'static,
        Running: Future<Output = Result<Answered>> + Send + 'static,
    {
        Self::raw(name, kind, describe, move |parts, body| {
            let function = function.clone();
            Box::pin(async move { Ok(reply(function(parts, take(body)?).await?)) })
        })
    }

    /// A method of any kind from a function of [`Parts`] and the undecoded body.
    pub fn raw<Function>(
        name: &'static str,
        kind: Kind,
        (input, output): (Describe, Describe),
        function: Function,
    ) -> Self
    where
        Function: Fn(Parts, Body) -> BoxFuture<'static, Result<Reply>> + Send + Sync + 'static,
    {
        Self {
            name,
            doc: "",
            deprecated: false,
            kind,
            idempotent: false,
            safe: false,
            timeout: None,
            message_limit: None,
            http: &[],
            error: None,
            location: None,
            input,
            output,
            serve: Arc::new(function),
        }
    }

    /// Sets the doc comment.
    pub fn doc(mut self, doc: &'static str) -> Self {
        self.doc = doc;
        self
    }

    /// Says that it is not to be used in new code.
    pub fn deprecated(mut self) -> Self {
        self.deprecated = true;
        self
    }

    /// Says that running it twice is the same as running it once.
    pub fn idempotent(mut self) -> Self {
        self.idempotent = true;
        self
    }

    /// Says that running it changes nothing: it is idempotent, and pages of other sites may ask.
    pub fn safe(mut self) -> Self {
        self.safe = true;
        self.idempotent()
    }

    /// Sets how long a call may take when its caller sets no deadline.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Sets the longest message in either direction, in bytes, instead of the server's limit.
    pub fn message_limit(mut self, bytes: usize) -> Self {
        self.message_limit = Some(bytes);
        self
    }

    /// Sets how the method is reached by plain HTTP.
    pub fn http(mut self, rules: &'static [HttpRule]) -> Self {
        self.http = rules;
        self
    }

    /// Sets the message in which the method's typed errors travel.
    pub fn error(mut self, describe: Describe) -> Self {
        self.error = Some(describe);
        self
    }

    /// Sets the place of definition.
    pub fn location(mut self, location: Location) -> Self {
        self.location = Some(location);
        self
    }
}

/// What a method takes and answers: how bodies become that.
struct Sides<Asked, Answered> {
    kind: Kind,
    describe: (Describe, Describe),
    take: fn(Body) -> Result<Asked>,
    reply: fn(Answered) -> Reply,
}

fn one<Request: Message>(body: Body) -> Result<Request> {
    body.into_one()?.into_message()
}

impl fmt::Debug for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Method")
            .field("name", &self.name)
            .field("kind", &self.kind)
            .field("idempotent", &self.idempotent)
            .field("safe", &self.safe)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
