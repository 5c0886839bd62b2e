//! `Log`: logs one line per call.

use tokio::time::Instant;

use crate::handler::{Call, Response};
use crate::wrap::chain::{Next, Wrap};
use micro_message::error::Result;

/// Logs one line per call with service, method, outcome and duration: at INFO if the call
/// succeeded, at WARN if it failed.
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
        let method = std::sync::Arc::clone(call.method());
        let started = Instant::now();
        let result = next.run(call).await;
        let (service, name, duration) = (&*method.service, method.name(), started.elapsed());
        match &result {
            Ok(_) => {
                tracing::info!(service, method = name, outcome = "ok", ?duration, "call");
            }
            Err(error) => {
                let (outcome, error) = (error.kind().name(), error.chain());
                tracing::warn!(
                    service,
                    method = name,
                    outcome,
                    ?duration,
                    error,
                    "call failed"
                );
            }
        }
        result
    }
}
