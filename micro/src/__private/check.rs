//! Small generic functions through which rustc checks what attributes stand on.
//!
//! Each has one bound, so that an error names one trait and its remedy. They decide nothing.

use std::any::Any;
use std::future::Future;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::handler::{
    BoxFuture, Call, Construct, FromApp, FromCall, MethodError, Parts, Resources, Response, Service,
};
use crate::wrap::Next;

/// What makes a service, running.
pub type ServiceFuture<'a> = BoxFuture<'a, Result<Arc<dyn Any + Send + Sync>>>;

/// What a method returns: a `Result`, under whatever name.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a `Result`",
    label = "expected a `Result`",
    note = "write `-> Result<{Self}>`"
)]
pub trait Returned {
    /// The reply.
    type Ok;
    /// The error.
    type Error;
    /// The result itself.
    fn into_result(self) -> Result<Self::Ok, Self::Error>;
}

impl<T, E> Returned for Result<T, E> {
    type Ok = T;
    type Error = E;

    fn into_result(self) -> Self {
        self
    }
}

/// An error that callers can get.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be converted into `micro::Error`",
    label = "not convertible into `micro::Error`",
    note = "return `micro::Result<…>`, or implement `From<{Self}> for micro::Error`"
)]
pub trait IntoError {
    /// The error that travels.
    fn into_error(self) -> Error;
}

#[diagnostic::do_not_recommend]
impl<E: Into<Error>> IntoError for E {
    fn into_error(self) -> Error {
        self.into()
    }
}

/// The error that callers get of a method whose result is `R`.
pub type CallerError<R> = <<R as Returned>::Error as MethodError>::Caller;

/// The outcome of a method. That the error is one of a method is said by what turns it into one
/// that travels.
pub fn finish<R: Returned>(returned: R, into_wire_error: fn(R::Error) -> Error) -> Result<R::Ok> {
    returned.into_result().map_err(into_wire_error)
}

/// The outcome of a wrap.
pub fn finish_wrap<R: Returned<Ok = Response, Error: IntoError>>(returned: R) -> Result<Response> {
    finish(returned, IntoError::into_error)
}

/// The outcome of a hook or a test.
pub fn finish_hook<R: Returned<Ok = (), Error: IntoError>>(returned: R) -> Result<()> {
    finish(returned, IntoError::into_error)
}

/// A future that may move between threads. The type that is returned is sure to, so that a
/// future that may not is reported once.
pub fn sendable<F: Future + Send>(future: F) -> impl Future<Output = F::Output> + Send {
    future
}

/// A parameter from the call.
pub fn parameter<T: FromCall>(parts: &Parts) -> Result<T> {
    T::from_call(parts)
}

/// What the app makes.
pub fn injected<T: FromApp>(app: &Resources) -> Result<T> {
    T::from_app(app)
}

/// What a parameter of a wrap, hook or test may be.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a parameter here",
    label = "not injectable",
    note = "the app can inject clients, `&Service` and types that implement `micro::FromApp`; only \
            methods can take `Context`, `Caller` and a request"
)]
pub trait FromAppOnly: Sized {
    /// The value.
    fn make(app: &Resources) -> Result<Self>;
}

#[diagnostic::do_not_recommend]
impl<T: FromApp> FromAppOnly for T {
    fn make(app: &Resources) -> Result<Self> {
        T::from_app(app)
    }
}

/// A parameter of a wrap, hook or test.
pub fn injected_parameter<T: FromAppOnly>(app: &Resources) -> Result<T> {
    T::make(app)
}

/// A field of a service; `place` names it in errors.
pub fn field<T: FromApp>(app: &Resources, place: &'static str) -> Result<T> {
    T::from_app(app).map_err(|error| error.context(place))
}

/// What a parameter may borrow.
#[diagnostic::on_unimplemented(
    message = "`&{Self}` cannot be a parameter here",
    label = "only services can be borrowed",
    note = "take the request, `Context` and every other parameter by value; write `{Self}`",
    note = "if `{Self}` is a service, put `#[micro::service]` on its struct"
)]
pub trait Borrowed {
    /// The service from a call.
    fn from_parts(parts: &Parts) -> Result<Arc<Self>>;

    /// The service from the app.
    fn from_resources(app: &Resources) -> Result<Arc<Self>>;
}

#[diagnostic::do_not_recommend]
impl<S: Service> Borrowed for S {
    fn from_parts(parts: &Parts) -> Result<Arc<Self>> {
        parts.service::<S>()
    }

    fn from_resources(app: &Resources) -> Result<Arc<Self>> {
        app.get::<S>()
    }
}

/// A service as a parameter of a method.
pub fn borrowed<S: Borrowed + ?Sized>(parts: &Parts) -> Result<Arc<S>> {
    S::from_parts(parts)
}

/// A service as a parameter of a wrap, hook or test.
pub fn injected_service<S: Borrowed + ?Sized>(app: &Resources) -> Result<Arc<S>> {
    S::from_resources(app)
}

/// Says that a type is a service.
pub const fn is_service<S: Service>() {}

/// A service that is there already, as what makes one.
pub fn built<S: Service>(service: Result<S>) -> ServiceFuture<'static> {
    Box::pin(async move {
        let service: Arc<dyn Any + Send + Sync> = Arc::new(service?);
        Ok(service)
    })
}

/// A service that an async function makes.
pub fn construct<'a, S, F, Parameters>(function: &'a F, app: &'a Resources) -> ServiceFuture<'a>
where
    S: Service,
    F: Construct<S, Parameters>,
{
    let making = function.construct(app);
    Box::pin(async move {
        let service: Arc<dyn Any + Send + Sync> = Arc::new(making.await?);
        Ok(service)
    })
}

/// The parameter of a wrap before its last.
#[diagnostic::on_unimplemented(
    message = "expected the parameter `call: Call` of a wrap, found `{Self}`",
    label = "expected `Call`",
    note = "the last two parameters of a wrap must be `call: Call, next: Next<'_>`; injected \
            parameters come before them"
)]
pub trait WrappedCall {
    /// The call itself.
    fn from_call(call: Call) -> Self;
}

impl WrappedCall for Call {
    fn from_call(call: Call) -> Self {
        call
    }
}

/// The last parameter of a wrap.
#[diagnostic::on_unimplemented(
    message = "expected the parameter `next: Next<'_>` of a wrap, found `{Self}`",
    label = "expected `Next<'_>`",
    note = "the last two parameters of a wrap must be `call: Call, next: Next<'_>`; injected \
            parameters come before them"
)]
pub trait WrappedNext<'a> {
    /// What comes after the wrap.
    fn from_next(next: Next<'a>) -> Self;
}

impl<'a> WrappedNext<'a> for Next<'a> {
    fn from_next(next: Self) -> Self {
        next
    }
}

/// The call, where a wrap takes it.
pub fn wrapped_call<C: WrappedCall>(call: Call) -> C {
    C::from_call(call)
}

/// What comes after a wrap, where the wrap takes it.
pub fn wrapped_next<'a, N: WrappedNext<'a>>(next: Next<'a>) -> N {
    N::from_next(next)
}
