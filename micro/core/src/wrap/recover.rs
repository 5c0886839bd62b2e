//! `Recover`: a panic inside becomes an error.

use std::sync::Arc;

use crate::guard::CatchPanic;
use crate::handler::{Call, MethodInfo, Response};
use crate::wrap::chain::{Next, Wrap};
use micro_message::error::{Error, Result};

/// Turns a panic in what it surrounds into an error of kind `Internal`.
///
/// Handlers are guarded in any case; this one lets the wraps outside of it go on (to log, to
/// count) when one inside of it panics, and guards calls that this process makes.
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
        let method = Arc::clone(call.method());
        CatchPanic::new(|| next.run(call), || panicked(&method)).await
    }
}

fn panicked(method: &MethodInfo) -> Error {
    tracing::error!(path = &*method.path, "call panicked");
    Error::internal(format!("the call of `{}` panicked", method.path))
}
