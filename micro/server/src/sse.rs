//! Server-sent events: a server stream for browsers' `EventSource` and for plain `curl -N`.
//!
//! Each message is an event of JSON: `data: {…}`. A failure is an `event: error` whose data is
//! Connect's JSON of an error; the end, and only a good one, is an `event: end` whose data is `{}`
//! or holds the stream's trailing metadata. A comment every 15 seconds of silence keeps proxies
//! from closing the connection.
//!
//! Only the last event, good or not, has an id, `end`; so there is no resuming, and a browser that
//! lost its connection starts anew. After the last event a browser's `EventSource` comes back, too,
//! as it does whenever a connection closes; it says `Last-Event-ID: end` and is told by a 204 to
//! stay away, so that the call is not run again and again. `EventSource` has an `error` event of
//! its own, for connections: the one with `data` is ours.

use std::time::Duration;

use http::header::{CACHE_CONTROL, HeaderMap, HeaderValue};
use http::{Method, Request, Response, StatusCode};

use crate::body::{HttpResponse, Incoming, ResponseBody};
use crate::connect::{self, query};
use crate::content_negotiation::names;
use crate::failure::Failure;
use crate::response_stream::{EncodeOptions, Framing};
use crate::server_call::ServerCall;
use crate::state::ConnectionState;
use crate::{error_json, json_stream, request_body};
use micro_core::handler::{Body, PayloadRef, Route};
use micro_message::codec::Codec;
use micro_message::error::{Error, Result};
use micro_message::metadata::Metadata;

/// How long a stream is silent before a comment is sent.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// The id of the last event. Whoever comes back with it has had all.
const END_ID: &str = "end";

/// The comment.
const KEEP_ALIVE_COMMENT: &[u8] = b": keep-alive\n\n";

/// The content type.
pub(super) const EVENT_STREAM: &str = "text/event-stream";

/// Whether a request asks for events, where there is nothing else to ask for.
pub(super) fn wanted(headers: &HeaderMap) -> bool {
    names(headers, EVENT_STREAM)
}

/// Each message is an event, and so is the end.
#[derive(Debug, Clone, Copy)]
struct SseFraming;

impl Framing for SseFraming {
    const KEEP_ALIVE: Option<(Duration, &'static [u8])> = Some((KEEP_ALIVE, KEEP_ALIVE_COMMENT));

    fn message(
        self,
        encode: &EncodeOptions,
        payload: PayloadRef<'_>,
        path: &str,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        let (json, _) = encode.plain(payload, path)?;
        event(&json, out);
        Ok(())
    }

    fn end(
        self,
        outcome: Result<(), &Error>,
        metadata: &Metadata,
        out: &mut Vec<u8>,
    ) -> Option<HeaderMap> {
        end(outcome, metadata, out);
        None
    }
}

/// Answers a server stream as events; its request is the body of a POST, or in the query of a GET.
pub(super) async fn serve(
    connection: &ConnectionState,
    route: &Route,
    request: Request<Incoming>,
) -> HttpResponse {
    let guard = connection.calls.begin(&route.method);
    let answered = async {
        let (head, body) = request.into_parts();
        let (caller, limits) = (connection.address, &connection.server.limits);
        let context = connect::context(&head.headers, "sse", caller, limits)?;
        let exchange = ServerCall::new(connection, route, context);
        let decode = exchange.decode(Codec::Json);
        let bytes = if head.method == Method::POST {
            let coding = request_body::coding(&head.headers)?;
            request_body::read(&exchange, coding, body).await?
        } else {
            let query = head.uri.query().unwrap_or_default();
            query::read_json(query, decode.limit)?.message
        };
        answer(exchange, &head.headers, Body::One(decode.payload(bytes))).await
    };
    match answered.await {
        Ok(reply) => reply.map(|body| body.during(guard)),
        Err(failure) => error_json::refuse_with(&failure),
    }
}

/// Runs a call of a server stream and answers with events.
///
/// # Errors
///
/// When the call fails before its stream begins; the caller answers that as a unary failure.
pub(super) async fn answer(
    exchange: ServerCall<'_>,
    headers: &HeaderMap,
    request: Body,
) -> Result<HttpResponse, Failure> {
    if headers.get("last-event-id").is_some_and(|id| id == END_ID) {
        let mut response = Response::new(ResponseBody::empty());
        *response.status_mut() = StatusCode::NO_CONTENT;
        return Ok(response);
    }
    let mut response = json_stream::answer(exchange, request, EVENT_STREAM, SseFraming).await?;
    let caching = response.headers_mut().entry(CACHE_CONTROL);
    caching.or_insert(HeaderValue::from_static("no-cache"));
    Ok(response)
}

/// Appends a message as an event.
fn event(json: &[u8], out: &mut Vec<u8>) {
    json_stream::line("data: ", json, "\n\n", out);
}

/// Appends the last event.
fn end(outcome: Result<(), &Error>, metadata: &Metadata, out: &mut Vec<u8>) {
    let (name, json) = match outcome {
        Ok(()) => ("end", error_json::end(outcome, metadata)),
        Err(error) => ("error", error_json::json(error)),
    };
    out.extend_from_slice(format!("event: {name}\nid: {END_ID}\n").as_bytes());
    event(json.to_string().as_bytes(), out);
}

#[cfg(test)]
mod tests {
    use http::header::ACCEPT;

    use super::*;

    #[test]
    fn who_accepts_events_wants_them() {
        let wants = |accept: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT, HeaderValue::from_static(accept));
            wanted(&headers)
        };
        assert!(wants("text/event-stream"));
        assert!(wants("text/html, Text/Event-Stream;q=0.9"));
        assert!(!wants("text/event-stream;q=0"));
        assert!(!wants("*/*") && !wants("text/event-streams") && !wanted(&HeaderMap::new()));
    }

    #[test]
    fn an_event_is_one_line_of_data() {
        let mut out = Vec::new();
        event(b"{\n\"a\":\r\n1}", &mut out);
        end(Ok(()), &Metadata::new(), &mut out);
        end(Err(&Error::aborted("no\nmore")), &Metadata::new(), &mut out);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "data: { \"a\":  1}\n\nevent: end\nid: end\ndata: {}\n\n\
             event: error\nid: end\ndata: {\"code\":\"aborted\",\"message\":\"no\\nmore\"}\n\n"
        );
    }
}
