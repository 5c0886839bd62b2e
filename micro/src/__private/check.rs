//! Small generic functions that check the types of items with attributes.
//!
//! Each function has one bound, so that a compiler error names one trait and its remedy. The
//! functions contain no logic.

use std::any::Any;
use std::future::Future;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::handler::{
    BoxFuture, Call, Construct, FromApp, FromCall, MethodError, Parts, Resources, Response, Service,
};
use crate::wrap::Next;

/// A future that creates a service.
pub type ServiceFuture<'a> = BoxFuture<'a, Result<Arc<dyn Any + Send + Sync>>>;

/// The return type of a method: a `Result`, also under another name.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a `Result`",
    label = "expected a `Result`",
    note = "write `-> Result<{Self}>`"
)]
pub trait Returned {
    /// The response.
    type Ok;
    /// The error.
    type Error;
    /// Converts to a result.
    fn into_result(self) -> Result<Self::Ok, Self::Error>;
}

impl<T, E> Returned for Result<T, E> {
    type Ok = T;
    type Error = E;

    fn into_result(self) -> Self {
        self
    }
}

/// An error that can be sent to callers.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be converted into `micro::Error`",
    label = "not convertible into `micro::Error`",
    note = "return `micro::Result<…>`, or implement `From<{Self}> for micro::Error`"
)]
pub trait IntoError {
    /// Converts to the error that is sent to the caller.
    fn into_error(self) -> Error;
}

#[diagnostic::do_not_recommend]
impl<E: Into<Error>> IntoError for E {
    fn into_error(self) -> Error {
        self.into()
    }
}

/// The error that callers receive from a method whose result is `R`.
pub type CallerError<R> = <<R as Returned>::Error as MethodError>::Caller;

/// Converts the result of a method. `into_wire_error` checks that the error is allowed as the error
/// of a method.
pub fn finish<R: Returned>(returned: R, into_wire_error: fn(R::Error) -> Error) -> Result<R::Ok> {
    returned.into_result().map_err(into_wire_error)
}

/// Converts the result of a wrap.
pub fn finish_wrap<R: Returned<Ok = Response, Error: IntoError>>(returned: R) -> Result<Response> {
    finish(returned, IntoError::into_error)
}

/// Converts the result of a hook or a test.
pub fn finish_hook<R: Returned<Ok = (), Error: IntoError>>(returned: R) -> Result<()> {
    finish(returned, IntoError::into_error)
}

/// Checks that a future is `Send`. The return type is always `Send`, so the compiler reports a
/// future that is not `Send` only once.
pub fn sendable<F: Future + Send>(future: F) -> impl Future<Output = F::Output> + Send {
    future
}

/// Creates a parameter from the call.
pub fn parameter<T: FromCall>(parts: &Parts) -> Result<T> {
    T::from_call(parts)
}

/// Creates a value from the app's resources.
pub fn injected<T: FromApp>(app: &Resources) -> Result<T> {
    T::from_app(app)
}

/// A type that can be a parameter of a wrap, hook or test.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a parameter here",
    label = "not injectable",
    note = "the app can inject clients, `&Service` and types that implement `micro::FromApp`; only \
            methods can take `Context`, `Caller` and a request"
)]
pub trait FromAppOnly: Sized {
    /// Creates the value.
    fn make(app: &Resources) -> Result<Self>;
}

#[diagnostic::do_not_recommend]
impl<T: FromApp> FromAppOnly for T {
    fn make(app: &Resources) -> Result<Self> {
        T::from_app(app)
    }
}

/// Creates a parameter of a wrap, hook or test.
pub fn injected_parameter<T: FromAppOnly>(app: &Resources) -> Result<T> {
    T::make(app)
}

/// The injected fields of a service. Collects the errors, so that all of them are reported at once.
#[derive(Debug)]
pub struct Fields<'a> {
    app: &'a Resources,
    errors: Vec<Error>,
}

impl<'a> Fields<'a> {
    /// Creates the fields from the app.
    pub fn new(app: &'a Resources) -> Self {
        Self {
            app,
            errors: Vec::new(),
        }
    }
}

/// Creates a field of a service. An error is recorded with `place`.
pub fn field<T: FromApp>(fields: &mut Fields<'_>, place: &'static str) -> Option<T> {
    let made = T::from_app(fields.app);
    made.map_err(|error| fields.errors.push(error.context(place)))
        .ok()
}

/// Returns a created field. [`built`] calls it only if all fields were created.
pub fn created<T>(field: Option<T>) -> Result<T> {
    field.ok_or_else(|| Error::internal("a field was not created"))
}

/// A type that a parameter can borrow.
#[diagnostic::on_unimplemented(
    message = "`&{Self}` cannot be a parameter here",
    label = "only services can be borrowed",
    note = "take the request, `Context` and every other parameter by value; write `{Self}`",
    note = "if `{Self}` is a service, put `#[micro::service]` on its struct"
)]
pub trait Borrowed {
    /// Returns the service of a call.
    fn from_parts(parts: &Parts) -> Result<Arc<Self>>;

    /// Returns the service of the app.
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

/// Returns a service for a parameter of a method.
pub fn borrowed<S: Borrowed + ?Sized>(parts: &Parts) -> Result<Arc<S>> {
    S::from_parts(parts)
}

/// Returns a service for a parameter of a wrap, hook or test.
pub fn injected_service<S: Borrowed + ?Sized>(app: &Resources) -> Result<Arc<S>> {
    S::from_resources(app)
}

/// Checks that a type is a service.
pub const fn is_service<S: Service>() {}

/// Returns a future that is ready with a service made of injected fields, or with the errors of all
/// fields.
pub fn built<S: Service>(
    fields: Fields<'_>,
    make: impl FnOnce() -> Result<S>,
) -> ServiceFuture<'static> {
    let made = all_fields(fields.errors).and_then(|()| make());
    let made = made.map(|service| Arc::new(service) as Arc<dyn Any + Send + Sync>);
    Box::pin(std::future::ready(made))
}

fn all_fields(mut errors: Vec<Error>) -> Result<()> {
    if errors.len() > 1 {
        let lines = errors
            .iter()
            .map(|error| format!("\n    - {}", error.chain()));
        let text = format!("{} fields:{}", errors.len(), lines.collect::<String>());
        return Err(Error::failed_precondition(text));
    }
    errors.pop().map_or(Ok(()), Err)
}

/// Creates a service with an async function.
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

/// The second to last parameter of a wrap.
#[diagnostic::on_unimplemented(
    message = "expected the parameter `call: Call` of a wrap, found `{Self}`",
    label = "expected `Call`",
    note = "the last two parameters of a wrap must be `call: Call, next: Next<'_>`; injected \
            parameters come before them"
)]
pub trait WrappedCall {
    /// Converts from the call.
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
    /// Converts from the rest of the chain.
    fn from_next(next: Next<'a>) -> Self;
}

impl<'a> WrappedNext<'a> for Next<'a> {
    fn from_next(next: Self) -> Self {
        next
    }
}

/// Returns the call as the parameter of a wrap.
pub fn wrapped_call<C: WrappedCall>(call: Call) -> C {
    C::from_call(call)
}

/// Returns the rest of the chain as the parameter of a wrap.
pub fn wrapped_next<'a, N: WrappedNext<'a>>(next: Next<'a>) -> N {
    N::from_next(next)
}
