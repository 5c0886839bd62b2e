//! `Trace`: opens a span per call and propagates W3C trace context.
//!
//! This module does not export spans. A `tracing` subscriber can do that.

mod parent;

use tracing::Instrument;
use tracing::field::Empty;

use self::parent::Parent;
use crate::handler::{Call, Response};
use crate::wrap::chain::{Next, Wrap};
use micro_message::error::Result;
use micro_message::metadata::Metadata;

/// Opens a `tracing` span per call and propagates the W3C trace context.
///
/// The span has the level DEBUG, the name `serve` or `call`, and fields for service, method, peer
/// or node, outcome, trace id and span id. An incoming `traceparent` is continued. A malformed one
/// is ignored together with its `tracestate`. Without a valid one, a new trace begins. Calls that
/// are made while the span is open inherit it. Around outgoing calls, the wrap opens a span for
/// each call.
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
        if !call.context().caller().protocol.is_empty() {
            call.context().set_trace_id(own.trace_id());
        }
        let span = span(&call, own);
        // The handler's own calls become children of this span.
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

/// Replaces the caller's span in the call's metadata with a new one.
fn enter(call: &mut Call) -> Result<Parent> {
    let parent = parent(call.metadata());
    let metadata = call.metadata_mut();
    let own = parent.map_or_else(Parent::root, Parent::child);
    metadata.insert("traceparent", own.to_string())?;
    if parent.is_none() {
        metadata.remove("tracestate");
    }
    Ok(own)
}

/// Returns the valid `traceparent` of a call.
fn parent(metadata: &Metadata) -> Option<Parent> {
    let mut given = metadata.get_all("traceparent");
    // More than one `traceparent` is invalid and is ignored.
    match (given.next(), given.next()) {
        (Some(text), None) => Parent::parse(text),
        _ => None,
    }
}

/// Returns the trace id in the valid `traceparent` of a call.
pub(crate) fn trace_id(metadata: &Metadata) -> Option<String> {
    parent(metadata).map(Parent::trace_id)
}

fn span(call: &Call, own: Parent) -> tracing::Span {
    let (method, caller) = (call.method(), call.context().caller());
    let (service, name) = (&*method.service, method.name());
    let (trace_id, span_id) = (own.trace_id(), own.span_id());
    // Only the serving side knows a caller.
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
