//! `Recover`: turns panics into errors.

use std::sync::Arc;

use crate::context::Context;
use crate::guard::CatchPanic;
use crate::handler::{Call, MethodInfo, Response};
use crate::wrap::chain::{Next, Wrap};
use micro_message::error::{Error, Result};

/// Turns a panic of the wraps inside it, or of the handler, into an error of kind `Internal`.
///
/// Handlers are guarded against panics in any case. With this wrap, the wraps outside of it also
/// continue (to log or to count) after a panic. It also guards calls that this process makes.
///
/// # Examples
///
/// ```
/// use micro::wrap::{ScopedWrap, Recover};
///
/// let around = ScopedWrap::new("recover", Recover::default());
/// ```
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct Recover;

impl Wrap for Recover {
    async fn wrap<'a>(&'a self, call: Call, next: Next<'a>) -> Result<Response> {
        let (method, context) = (Arc::clone(call.method()), call.context().clone());
        CatchPanic::new(|| next.run(call), || panicked(&method, &context)).await
    }
}

fn panicked(method: &MethodInfo, context: &Context) -> Error {
    context.set_logged();
    tracing::error!(path = &*method.path, "call panicked");
    Error::internal(format!("the call of `{}` panicked", method.path))
}
