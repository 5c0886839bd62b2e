//! `Log`: logs one line per call.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tracing::Level;

use crate::access::level;
use crate::context::Context;
use crate::handler::{Call, Response};
use crate::wrap::chain::{Next, Wrap};
use micro_message::error::{Error, Result};

/// Logs one line per call with service, method, outcome and duration: at INFO if the call
/// succeeded, at ERROR if it failed with `Internal`, `Unknown` or `DataLoss`, and at WARN if it
/// failed otherwise.
///
/// The access log logs failures without this wrap, and all calls if the setting `access_log` is
/// `all`. An error that this wrap has logged is not logged again: with `access_log = "errors"` the
/// access log leaves the call out, and with `access_log = "all"` its line contains the outcome
/// without the error. Errors in the middle of a stream come after this wrap's line, and the access
/// log logs them.
///
/// # Examples
///
/// ```
/// use micro::wrap::{ScopedWrap, Log};
///
/// let around = ScopedWrap::new("log", Log::default());
/// ```
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct Log;

impl Wrap for Log {
    async fn wrap<'a>(&'a self, call: Call, next: Next<'a>) -> Result<Response> {
        let (method, context) = (Arc::clone(call.method()), call.context().clone());
        let started = Instant::now();
        let result = next.run(call).await;
        let (service, name, duration) = (&*method.service, method.name(), started.elapsed());
        match &result {
            Ok(_) => {
                tracing::info!(service, method = name, outcome = "ok", ?duration, "call");
            }
            Err(error) => {
                write_failure((service, name), error, duration, &context);
                context.set_logged();
            }
        }
        result
    }
}

fn write_failure(
    (service, method): (&str, &str),
    error: &Error,
    duration: Duration,
    context: &Context,
) {
    let (outcome, is_error) = (error.kind().name(), level(error.kind()) == Level::ERROR);
    let (error, trace_id) = (error.chain(), context.trace_id());
    let peer = context.caller().address.map(tracing::field::display);
    macro_rules! write {
        ($level:expr) => {
            tracing::event!(
                $level,
                service,
                method,
                peer,
                outcome,
                ?duration,
                trace_id,
                error,
                "call failed"
            )
        };
    }
    if is_error {
        write!(Level::ERROR);
    } else {
        write!(Level::WARN);
    }
}
