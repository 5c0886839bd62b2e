//! Server-sent events: server streams for browsers' `EventSource` and for plain `curl -N`.
//!
//! Each message is an event with JSON data: `data: {…}`. A failure is an `event: error` with
//! Connect's JSON form of an error. The end of a successful stream is an `event: end` whose data is
//! `{}` or contains the stream's trailing metadata. A comment after every 15 seconds without a
//! message keeps proxies from closing the connection.
//!
//! Only the last event, `end` or `error`, has an id, which is `end`. A stream therefore cannot be
//! resumed: a browser that has lost its connection starts the call again. `EventSource` also
//! reconnects after the last event, as it does whenever a connection closes, and then sends
//! `Last-Event-ID: end`. The server responds with 204, which stops the browser from reconnecting,
//! so that the call does not run again and again. `EventSource` has an `error` event of its own for
//! connections; only the event sent by this server has `data`.

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

/// Interval without a message after which a comment is sent.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// The id of the last event. A client that reconnects with it has received all events.
const END_ID: &str = "end";

/// The comment that keeps the connection alive.
const KEEP_ALIVE_COMMENT: &[u8] = b": keep-alive\n\n";

/// The content type of server-sent events.
pub(super) const EVENT_STREAM: &str = "text/event-stream";

/// Whether a request asks for events, on paths that have no other format to offer.
pub(super) fn wanted(headers: &HeaderMap) -> bool {
    names(headers, EVENT_STREAM)
}

/// Writes each message as an event, and the end of the stream as well.
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

/// Serves a server stream as events. The request is the body of a POST, or in the query of a GET.
pub(super) async fn serve(
    connection: &ConnectionState,
    route: &Route,
    request: Request<Incoming>,
) -> HttpResponse {
    let guard = connection.begin(&route.method, "sse");
    let answered = async {
        let (head, body) = request.into_parts();
        let body = body.counted_by(&guard);
        let context = connect::context(connection, &head, "sse")?;
        let exchange = ServerCall::new(connection, route, context, &guard);
        let decode = exchange.decode(Codec::Json);
        let bytes = if head.method == Method::POST {
            let coding = request_body::coding(&head.headers)?;
            let bytes = request_body::read(&exchange, coding, body).await?;
            request_body::ensure_json(decode.codec, &bytes)?;
            bytes
        } else {
            let query = head.uri.query().unwrap_or_default();
            query::read_json(query, decode.limit)?.message
        };
        answer(exchange, &head.headers, Body::One(decode.payload(bytes))).await
    };
    match answered.await {
        Ok(reply) => reply.map(|body| body.during(guard)),
        Err(failure) => error_json::refuse_with(&guard.failed(failure)),
    }
}

/// Runs a server-streaming call and responds with events.
///
/// # Errors
///
/// Returns an error when the call fails before its stream begins. The client gets it like the error
/// of a unary call.
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
