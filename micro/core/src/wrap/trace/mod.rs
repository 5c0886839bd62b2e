//! `Trace`: a span per call, and W3C trace context carried on.
//!
//! Sends spans nowhere: a `tracing` subscriber does.

mod parent;

use tracing::Instrument;
use tracing::field::Empty;

use self::parent::Parent;
use crate::handler::{Call, Response};
use crate::wrap::chain::{Next, Wrap};
use micro_message::error::Result;

/// Opens a `tracing` span per call and carries the W3C trace context on.
///
/// The span is at DEBUG, named `serve` or `call`, with service, method, peer or node, outcome,
/// trace and span id. A `traceparent` that comes in is continued, one that is malformed is ignored
/// together with its `tracestate`, and without one a new trace begins. Calls made while the span is
/// open inherit it; around outgoing calls the wrap gives each a span of its own.
///
/// # Examples
///
/// ```
/// use micro::wrap::{ScopedWrap, On, Trace};
///
/// let mut around = ScopedWrap::new("trace", Trace::default());
/// around.on = On::All;
/// ```
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct Trace;

impl Wrap for Trace {
    async fn wrap<'a>(&'a self, mut call: Call, next: Next<'a>) -> Result<Response> {
        let own = enter(&mut call)?;
        let span = span(&call, own);
        // What the handler calls is on behalf of this span.
        let context = call.context().clone();
        let result = context.scope(next.run(call)).instrument(span.clone()).await;
        let outcome = match &result {
            Ok(_) => "ok",
            Err(error) => error.kind().name(),
        };
        span.record("outcome", outcome);
        result
    }
}

/// Puts a span of its own in place of the caller's, in the call's metadata.
fn enter(call: &mut Call) -> Result<Parent> {
    let mut given = call.metadata().get_all("traceparent");
    // Two parents are as good as none.
    let parent = match (given.next(), given.next()) {
        (Some(text), None) => Parent::parse(text),
        _ => None,
    };
    drop(given);
    let metadata = call.metadata_mut();
    let own = parent.map_or_else(Parent::root, Parent::child);
    metadata.insert("traceparent", own.to_string())?;
    if parent.is_none() {
        metadata.remove("tracestate");
    }
    Ok(own)
}

fn span(call: &Call, own: Parent) -> tracing::Span {
    let (method, caller) = (call.method(), call.context().caller());
    let (service, name) = (&*method.service, method.name());
    let (trace_id, span_id) = (own.trace_id(), own.span_id());
    // A caller is known on the serving side only.
    if caller.protocol.is_empty() {
        return tracing::debug_span!(
            "call",
            service,
            method = name,
            node = Empty,
            outcome = Empty,
            trace_id,
            span_id
        );
    }
    let peer = caller.address.map(tracing::field::display);
    let protocol = caller.protocol;
    tracing::debug_span!(
        "serve",
        service,
        method = name,
        peer,
        protocol,
        outcome = Empty,
        trace_id,
        span_id
    )
}

#[cfg(test)]
mod tests;
