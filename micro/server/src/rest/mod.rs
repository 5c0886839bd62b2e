//! REST: methods over plain HTTP, by their rules in the format of `google.api.http`.
//!
//! Path, query and body are combined into one JSON document, which the message's JSON codec
//! decodes. From there on the call is like any other. A body is JSON; it may be a form if the whole
//! request is the body, or plain text or bytes if a field of that type is the body. The timeout is
//! in the header `connect-timeout-ms`.

mod response;
pub(super) mod table;

use bytes::Bytes;
use http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;
use http::{Request, StatusCode};
use http_body::Body as _;

use crate::body::{HttpResponse, Incoming};
use crate::connect;
use crate::failure::Failure;
use crate::http::{JSON_HINT, allowed, is_curl_default, unknown};
use crate::rest::table::{Rule, Table};
use crate::server_call::ServerCall;
use crate::state::{CallGuard, ConnectionState};
use crate::{error_json, request_body};
use micro_core::handler::Body;
use micro_message::codec::Codec;
use micro_message::error::{Error, ErrorKind};
use micro_schema::http::{Binding, Found, Media};
use micro_wire::Compression;

pub use self::table::check_http;

/// Serves a request that no other protocol matches, by the rule for its path.
pub(super) async fn route(
    connection: &ConnectionState,
    table: &Table,
    request: Request<Incoming>,
) -> HttpResponse {
    let (method, path) = (request.method(), request.uri().path());
    match table.find(method.as_str(), path) {
        Found::Entry(_, rule) => serve(connection, rule, request).await,
        Found::Methods(mut methods) => {
            if methods.contains(&"GET") && !methods.contains(&"HEAD") {
                methods.push("HEAD");
            }
            methods.push("OPTIONS");
            allowed(method, &methods.join(", "), error_json::refuse_as)
        }
        Found::Nothing => unknown(&connection.server.router, path, &table.near(path)),
    }
}

/// Serves a request that matches a rule.
async fn serve(
    connection: &ConnectionState,
    rule: &Rule,
    request: Request<Incoming>,
) -> HttpResponse {
    let guard = connection.begin(&rule.route.method, "rest");
    let (head, body) = request.into_parts();
    let body = body.counted_by(&guard);
    match answer(connection, rule, (&head, body), &guard).await {
        Ok(reply) => reply.map(|body| body.during(guard)),
        Err(Rejection::Call(failure)) => error_json::refuse_with(&guard.failed(failure)),
        Err(Rejection::Told(error, reply)) => {
            guard.failed(error.into());
            *reply
        }
    }
}

/// Why a request is refused.
enum Rejection {
    Call(Failure),
    /// The response has a more specific status than the kind of the error.
    Told(Error, Box<HttpResponse>),
}

impl Rejection {
    /// Refuses an unsupported format, with a header that lists the accepted ones.
    fn unsupported(error: Error, name: HeaderName, accepted: &str) -> Self {
        let mut reply = error_json::refuse(&error);
        *reply.status_mut() = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        if let Ok(value) = HeaderValue::from_str(accepted) {
            reply.headers_mut().insert(name, value);
        }
        Self::Told(error, Box::new(reply))
    }

    /// HTTP has a status of its own for requests that are too large; Connect maps their error kind
    /// to 429.
    fn or_large(status: StatusCode, error: Error) -> Self {
        if error.kind() != ErrorKind::ResourceExhausted {
            return error.into();
        }
        let mut reply = error_json::refuse(&error);
        *reply.status_mut() = status;
        Self::Told(error, Box::new(reply))
    }
}

impl<F: Into<Failure>> From<F> for Rejection {
    fn from(failure: F) -> Self {
        Self::Call(failure.into())
    }
}

async fn answer(
    connection: &ConnectionState,
    rule: &Rule,
    (head, body): (&Parts, Incoming),
    guard: &CallGuard,
) -> Result<HttpResponse, Rejection> {
    let Rule { route, binding } = rule;
    let server = &connection.server;
    server.cors.check(head)?;
    let context = connect::context(connection, head, "rest");
    let context = context
        .map_err(|error| Rejection::or_large(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, error))?;
    let exchange = ServerCall::new(connection, route, context, guard);
    let media = match media(binding, &head.headers) {
        Err(_) if body.is_end_stream() => None,
        media => media?,
    };
    let coding = request_body::coding(&head.headers)
        .map_err(|error| Rejection::unsupported(error, ACCEPT_ENCODING, Compression::accepted()))?;
    let bytes = request_body::read(&exchange, coding, body).await;
    let bytes = bytes
        .map_err(|failure| Rejection::or_large(StatusCode::PAYLOAD_TOO_LARGE, failure.error))?;
    let body = given(binding, media, bytes)?;
    let target = (head.uri.path(), head.uri.query().unwrap_or_default());
    let decode = exchange.decode(Codec::Json);
    let sent = body.as_ref().map(|(_, bytes)| bytes.as_ptr().addr());
    let document = binding.request(&server.rest.types, target, body, decode.memory())?;
    // A body that is the whole request is passed on as the client sent it.
    let is_composed = sent != Some(document.as_ptr().addr());
    let request = Body::One(decode.payload(document));
    let reply = if route.method.kind.streams_responses() {
        response::stream(exchange, head, request).await
    } else {
        response::unary(exchange, binding, head, request).await
    };
    Ok(reply.map_err(|failure| match failure {
        failure if is_composed => without_position(failure),
        failure => failure,
    })?)
}

/// Removes the position from the error of a document that the client has not sent: the server has
/// composed it from path, query and body. The error names the field.
fn without_position(failure: Failure) -> Failure {
    let message = failure.error.message();
    let short = message
        .strip_prefix("cannot read ")
        .and_then(|rest| rest.rsplit_once(" at line "))
        .filter(|(_, position)| {
            let numbers = position.split_once(" column ");
            let is_number = |text: &str| text.parse::<usize>().is_ok();
            numbers.is_some_and(|(line, column)| is_number(line) && is_number(column))
        })
        .map(|(rest, _)| format!("cannot read {}", rest.replacen(" from JSON: ", ": ", 1)));
    match short {
        Some(short) => Failure {
            error: Error::new(failure.error.kind(), short),
            ..failure
        },
        None => failure,
    }
}

/// Returns the media type of the body, if the rule accepts it.
fn media(binding: &Binding, headers: &HeaderMap) -> Result<Option<Media>, Rejection> {
    let Some(given) = headers.get(CONTENT_TYPE) else {
        return Ok(None);
    };
    let media = given.to_str().ok().and_then(Media::of);
    let known = binding.media();
    if known.is_empty() || media.is_some_and(|media| known.contains(&media)) {
        return Ok(media);
    }
    let hint = is_curl_default(Some(given));
    let given = String::from_utf8_lossy(given.as_bytes());
    let given = format!("`content-type: {}`", given.escape_debug());
    Err(unsupported(binding, &given, hint))
}

/// Returns the body, if there is one.
fn given(
    binding: &Binding,
    media: Option<Media>,
    bytes: Bytes,
) -> Result<Option<(Media, Bytes)>, Rejection> {
    match media {
        _ if bytes.is_empty() && media.is_none_or(is_nothing_when_empty) => Ok(None),
        Some(media) => Ok(Some((media, bytes))),
        None if binding.media().is_empty() => Ok(Some((Media::Json, bytes))),
        None => Err(unsupported(binding, "no content type", true)),
    }
}

/// Whether an empty body of this media type is an absent body rather than an empty value.
fn is_nothing_when_empty(media: Media) -> bool {
    !matches!(media, Media::Text | Media::Bytes)
}

fn unsupported(binding: &Binding, given: &str, wants_hint: bool) -> Rejection {
    let known: Vec<&str> = binding.media().iter().map(|media| media.name()).collect();
    let known = known.join(", ");
    let rule = binding.rule();
    let hint = if wants_hint { JSON_HINT } else { "" };
    let error = Error::invalid_argument(format!("{given}{hint}; `{rule}` accepts: {known}"));
    let name = match &*rule.verb {
        "POST" => HeaderName::from_static("accept-post"),
        "PATCH" => HeaderName::from_static("accept-patch"),
        _ => ACCEPT,
    };
    Rejection::unsupported(error, name, &known)
}
