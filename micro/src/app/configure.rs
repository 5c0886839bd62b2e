//! What the function given to `micro::run!` may return: the builder, a result, or a future of one.

use crate::app::builder::Builder;
use crate::error::Result;
use crate::handler::BoxFuture;

/// A value that leads to a configured builder: a [`Builder`], a `Result<Builder>`, or a future of
/// one of them.
///
/// `Kind` distinguishes the implementations and is inferred.
#[diagnostic::on_unimplemented(
    message = "the function given to `run!` must return the builder, not `{Self}`",
    label = "does not return the builder",
    note = "write `|app| app.provide(value)`, `|app| Ok(app.provide(open()?))` or \
            `|app| async move {{ Ok(app.provide(connect().await?)) }}`"
)]
pub trait Configured<Kind>: Send + 'static {
    /// Returns the builder.
    fn configured(self) -> BoxFuture<'static, Result<Builder>>;
}

/// The kind of a [`Builder`].
#[derive(Debug)]
pub enum Plain {}

/// The kind of a `Result<Builder>`.
#[derive(Debug)]
pub enum Fallible {}

/// The kind of a future of a value of another kind.
#[derive(Debug)]
pub struct Async<Kind>(std::convert::Infallible, std::marker::PhantomData<Kind>);

impl Configured<Plain> for Builder {
    fn configured(self) -> BoxFuture<'static, Result<Builder>> {
        Box::pin(std::future::ready(Ok(self)))
    }
}

impl Configured<Fallible> for Result<Builder> {
    fn configured(self) -> BoxFuture<'static, Result<Builder>> {
        Box::pin(std::future::ready(self))
    }
}

#[diagnostic::do_not_recommend]
impl<Fut, Kind> Configured<Async<Kind>> for Fut
where
    Fut: Future + Send + 'static,
    Fut::Output: Configured<Kind>,
{
    fn configured(self) -> BoxFuture<'static, Result<Builder>> {
        Box::pin(async move { self.await.configured().await })
    }
}
