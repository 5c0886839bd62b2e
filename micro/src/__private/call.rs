//! Methods and calls from parts that know the messages: where generated code states its bounds.
//!
//! A bound is stated once, by [`question`] and [`answer`], so that a type that is no message is
//! reported once although service and client both name it.

#![allow(
    clippy::needless_pass_by_value,
    reason = "values that only carry a type"
)]

use std::future::Future;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::client::{Client, Request};
use crate::codec::Message;
use crate::error::Result;
use crate::handler::{Body, Kind, Method, MethodInfo, Parts, Payload, Reply, Served, ServiceInfo};
use crate::schema::Types;

/// What is known of a request's type.
#[derive(Debug)]
pub struct Question<Q> {
    describe: fn(&mut Types) -> String,
    take: fn(Body) -> Result<Q>,
    send: fn(Q) -> Payload,
}

/// What is known of a reply's type.
#[derive(Debug)]
pub struct Answer<A> {
    describe: fn(&mut Types) -> String,
    reply: fn(A) -> Reply,
}

/// A request is a message.
pub const fn question<Q: Message>() -> Question<Q> {
    Question {
        describe: Q::describe,
        take: |body| body.into_one()?.into_message(),
        send: Payload::value,
    }
}

/// A reply is a message.
pub const fn answer<A: Message>() -> Answer<A> {
    Answer {
        describe: A::describe,
        reply: Reply::new,
    }
}

/// A unary method.
pub fn unary<Q, A, Function, Running>(
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
    let describe = (question.describe, answer.describe);
    Method::raw(name, Kind::Unary, describe, move |parts, body| {
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
    timeout: Option<Duration>,
    info: OnceLock<Arc<MethodInfo>>,
}

impl LazyMethod {
    /// A method by its name on the wire.
    pub const fn new(name: &'static str) -> Self {
        Self {
            name,
            idempotent: false,
            timeout: None,
            info: OnceLock::new(),
        }
    }

    /// Says that running it twice is the same as running it once.
    pub const fn idempotent(mut self) -> Self {
        self.idempotent = true;
        self
    }

    /// Sets how long a call may take when its caller sets no deadline.
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    fn info(&self, service: &'static ServiceInfo) -> &Arc<MethodInfo> {
        self.info.get_or_init(|| {
            let mut info = MethodInfo::of(service, self.name);
            info.idempotent = self.idempotent;
            info.timeout = self.timeout;
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
pub fn request<Q, A>(
    target: &Target<'_>,
    question: Question<Q>,
    _answer: Answer<A>,
    message: Q,
) -> Request<A> {
    let method = Arc::clone(target.method.info(target.service));
    Request::with_payload(target.client.clone(), method, (question.send)(message))
}
