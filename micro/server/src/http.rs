//! Dispatches HTTP requests by their headers and paths: gRPC, gRPC-Web, Connect, events, REST, or a
//! page for people and probes.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::time::SystemTime;

use http::header::{
    ALLOW, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, DATE, Entry, HeaderName, HeaderValue, ORIGIN,
};
use http::{Method, Request, Response, StatusCode, Version};
use http_body::Body as _;
use hyper::service::Service;

use crate::body::{HttpResponse, Incoming, ResponseBody, plain};
use crate::connect::{self, CallFormat};
use crate::grpc::web::{self, WebFormat};
use crate::mounts::Mounted;
use crate::pages::Page;
use crate::state::{ConnectionState, ServerState};
use crate::{error_json, go_micro, http1, index, rest, sse};
use micro_core::handler::{Kind, Route, Router};
use micro_message::codec::Codec;
use micro_message::error::Error;
use micro_wire::grpc;

const ACCEPTED: &str = "application/grpc, application/grpc+json, application/grpc-web, \
     application/grpc-web+json, application/grpc-web-text, application/json, application/proto, \
     application/connect+json, application/connect+proto";

/// The future of a response. Boxed, so that the future that handles a call is not moved with it.
pub(super) type ResponseFuture =
    Pin<Box<dyn Future<Output = Result<HttpResponse, Infallible>> + Send>>;

/// Answers the HTTP requests of one connection.
pub(super) struct HttpService(pub(super) Arc<ConnectionState>);

impl Service<Request<hyper::body::Incoming>> for HttpService {
    type Response = HttpResponse;
    type Error = Infallible;
    type Future = ResponseFuture;

    fn call(&self, request: Request<hyper::body::Incoming>) -> ResponseFuture {
        let connection = Arc::clone(&self.0);
        let content_type = request.headers().get(CONTENT_TYPE);
        let codec = content_type.and_then(|value| grpc::codec(value.as_bytes()));
        let codec = codec.filter(|_| *request.method() == Method::POST);
        match (codec, request.version() == Version::HTTP_2) {
            (Some(codec), true) => {
                let (head, body) = request.into_parts();
                let body = Incoming::new(body);
                Box::pin(crate::grpc::serve(connection, head, body, codec))
            }
            (Some(_), false) => Box::pin(std::future::ready(Ok(refuse_grpc()))),
            (None, true) => Box::pin(async move { Ok(serve_http2(&connection, request).await) }),
            (None, false) => {
                let running = connection.activity.begin();
                Box::pin(async move {
                    let response = serve_http1(&connection, request).await;
                    Ok(response.map(|body| body.during_request(running)))
                })
            }
        }
    }
}

/// Returns the response to gRPC over HTTP/1.
fn refuse_grpc() -> HttpResponse {
    let error = Error::unimplemented(
        "gRPC needs HTTP/2; over HTTP/1 send `content-type: application/json`",
    );
    let status = StatusCode::HTTP_VERSION_NOT_SUPPORTED;
    close_after(error_json::refuse_as(status, &error))
}

/// Serves a request other than gRPC over HTTP/2.
async fn serve_http2(
    connection: &ConnectionState,
    request: Request<hyper::body::Incoming>,
) -> HttpResponse {
    let mut response = with_cors(connection, request.map(Incoming::new)).await;
    // hyper adds the date over HTTP/1. gRPC calls do without it, to save its cost.
    let now = HeaderValue::from_str(&httpdate::fmt_http_date(SystemTime::now()));
    if let (Entry::Vacant(date), Ok(now)) = (response.headers_mut().entry(DATE), now) {
        date.insert(now);
    }
    response
}

/// Serves a request over HTTP/1.
async fn serve_http1(
    connection: &ConnectionState,
    request: Request<hyper::body::Incoming>,
) -> HttpResponse {
    let (head, body) = request.into_parts();
    if let Some((status, error)) = http1::refusal(&head) {
        return close_after(plain_text_error(status, &error));
    }
    let (body, end) = Incoming::noting(body);
    let response = with_cors(connection, Request::from_parts(head, body)).await;
    // A client must not send its next request on a connection that is about to be closed.
    if end.is_reached() && !connection.server.is_stopping() {
        response
    } else {
        close_after(response)
    }
}

/// Marks a response after which an HTTP/1 connection is closed, because the request was not read to
/// its end.
fn close_after(mut response: HttpResponse) -> HttpResponse {
    response
        .headers_mut()
        .insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

/// Serves a request and adds CORS headers to its response.
async fn with_cors(connection: &ConnectionState, request: Request<Incoming>) -> HttpResponse {
    let cors = &connection.server.cors;
    let names = &connection.server.names;
    let is_loopback = connection.address.ip().to_canonical().is_loopback();
    let known = (names.as_slice(), is_loopback);
    if let Err(error) = cors.check_host(request.headers(), request.uri(), known) {
        let mut response = error_json::refuse(&error);
        cors.allow(request.headers().get(ORIGIN), response.headers_mut());
        return response;
    }
    if cors.is_none() {
        return without_body_for_head(connection, request).await;
    }
    let is_options = request.method() == Method::OPTIONS;
    let origin = request.headers().get(ORIGIN).cloned();
    let asked = is_options.then(|| request.headers().clone());
    let mut response = without_body_for_head(connection, request).await;
    if let Some(headers) = asked.and_then(|asked| cors.preflight(&asked, response.headers())) {
        response = ResponseBody::empty().with_headers(headers);
        *response.status_mut() = StatusCode::NO_CONTENT;
    }
    cors.allow(origin.as_ref(), response.headers_mut());
    response
}

/// Serves a request. A HEAD request is served like GET, without the body.
async fn without_body_for_head(
    connection: &ConnectionState,
    request: Request<Incoming>,
) -> HttpResponse {
    let is_head = *request.method() == Method::HEAD;
    let response = route(connection, request).await;
    if !is_head {
        return response;
    }
    let (mut head, body) = response.into_parts();
    if let Some(length) = body.size_hint().exact() {
        head.headers.insert(CONTENT_LENGTH, length.into());
    }
    Response::from_parts(head, ResponseBody::empty())
}

/// Dispatches a request by its path, method and content type.
async fn route(connection: &ConnectionState, mut request: Request<Incoming>) -> HttpResponse {
    let server = &connection.server;
    if let Some(route) = go_micro::route(&server.router, &mut request) {
        return post(connection, route, request).await;
    }
    if let Some(mounted) = mounted(server, request.method(), request.uri().path()) {
        return mounted.serve(connection, request).await;
    }
    let (method, path) = (request.method(), request.uri().path());
    if *method == Method::POST
        && let Some(web) = WebFormat::read(request.headers())
    {
        return web::serve(connection, request, web).await;
    }
    if let Some(route) = server.router.get(path) {
        return match *method {
            Method::POST => post(connection, route, request).await,
            Method::GET | Method::HEAD if gettable(route) => get(connection, route, request).await,
            _ => allowed(method, verbs(route), plain_text_error),
        };
    }
    if let Some(page) = Page::at(path) {
        return match *method {
            Method::GET | Method::HEAD => index::serve(page, server, &request),
            _ => allowed(method, "GET, HEAD, OPTIONS", plain_text_error),
        };
    }
    if path == "*" {
        return allowed(method, "GET, HEAD, POST, OPTIONS", plain_text_error);
    }
    rest::route(connection, &server.rest, request).await
}

/// Returns the mounted service for a request. Methods of the server's own services, its pages and
/// REST paths come before the fallback; only `/` belongs to the fallback.
fn mounted<'a>(server: &'a ServerState, method: &Method, path: &str) -> Option<&'a Mounted> {
    if path == "*" || server.mounts.is_empty() || server.router.get(path).is_some() {
        return None;
    }
    if let Some(mounted) = server.mounts.at(path) {
        return Some(mounted);
    }
    let is_own = Page::at(path).is_some_and(|page| page != Page::Index)
        || server.rest.serves(method.as_str(), path);
    if is_own {
        return None;
    }
    server.mounts.fallback_service()
}

/// Serves a POST to a method's path: a Connect call, or a call with server-sent events.
async fn post(
    connection: &ConnectionState,
    route: &Route,
    request: Request<Incoming>,
) -> HttpResponse {
    let content_type = request.headers().get(CONTENT_TYPE);
    let shape = content_type.and_then(|value| connect::call_format(value.as_bytes()));
    match (shape, route.method.kind) {
        (Some(CallFormat::Unary(codec)), Kind::Unary) => {
            connect::unary::serve_post(connection, route, request, codec).await
        }
        (Some(CallFormat::Unary(Codec::Json)), Kind::ServerStream)
            if sse::wanted(request.headers()) =>
        {
            sse::serve(connection, route, request).await
        }
        (Some(CallFormat::Stream(codec)), kind) if kind != Kind::Unary => {
            connect::stream::serve(connection, route, request, codec).await
        }
        (Some(shape), kind) => mismatched(content_type, shape, kind),
        (None, kind) => {
            let hint = if is_curl_default(content_type) {
                curl_hint(kind)
            } else {
                ""
            };
            unsupported(content_type, hint, ACCEPTED)
        }
    }
}

/// Serves a GET of a method's path, if the method allows it: a Connect call, or a call with
/// server-sent events.
async fn get(
    connection: &ConnectionState,
    route: &Route,
    request: Request<Incoming>,
) -> HttpResponse {
    let (head, body) = request.into_parts();
    // An `<img>` on any page sends a GET: a call that is safe to repeat is not necessarily safe to
    // send.
    if !route.method.options.safe
        && let Err(error) = connection.server.cors.check_any(&head)
    {
        return error_json::refuse(&error);
    }
    if route.method.kind == Kind::Unary {
        return connect::unary::serve_get(connection, route, &head).await;
    }
    if sse::wanted(&head.headers) {
        return sse::serve(connection, route, Request::from_parts(head, body)).await;
    }
    let error = Error::invalid_argument("this path answers GET with `accept: text/event-stream`");
    error_json::refuse_as(StatusCode::NOT_ACCEPTABLE, &error)
}

/// Whether a method can be called by GET: it is idempotent, and its request is one message.
fn gettable(route: &Route) -> bool {
    route.method.options.idempotent && !route.method.kind.streams_requests()
}

fn verbs(route: &Route) -> &'static str {
    if gettable(route) {
        "GET, HEAD, POST, OPTIONS"
    } else {
        "POST, OPTIONS"
    }
}

/// Returns the response for an unknown path, with similar REST paths.
pub(super) fn unknown(router: &Router, path: &str, near: &[String]) -> HttpResponse {
    // Limits the length of the error message.
    let shown: String = path.chars().take(200).collect();
    let error = if near.is_empty() {
        router.unknown(&shown)
    } else {
        Error::unimplemented(format!(
            "nothing at `{}`; near: `{}`",
            shown.escape_debug(),
            near.join("`, `")
        ))
    };
    error_json::refuse_as(StatusCode::NOT_FOUND, &error)
}

/// Returns the response to `OPTIONS`, or to a method that the path does not allow.
pub(super) fn allowed(
    method: &Method,
    methods: &str,
    refuse: fn(StatusCode, &Error) -> HttpResponse,
) -> HttpResponse {
    let mut response = if *method == Method::OPTIONS {
        let mut response = Response::new(ResponseBody::empty());
        *response.status_mut() = StatusCode::NO_CONTENT;
        response
    } else {
        let error = Error::unimplemented(format!("this path answers {methods}"));
        refuse(StatusCode::METHOD_NOT_ALLOWED, &error)
    };
    if let Ok(methods) = HeaderValue::from_str(methods) {
        response.headers_mut().insert(ALLOW, methods);
    }
    response
}

/// Returns the response to a Connect content type of another kind of call.
fn mismatched(content_type: Option<&HeaderValue>, shape: CallFormat, kind: Kind) -> HttpResponse {
    let accepted = if kind == Kind::Unary {
        "application/json, application/proto"
    } else {
        "application/connect+json, application/connect+proto"
    };
    let hint = match (shape, kind) {
        (CallFormat::Unary(Codec::Json), Kind::ServerStream) => {
            "; with curl, add `-N -H 'accept: text/event-stream'`"
        }
        _ => "",
    };
    unsupported(content_type, hint, accepted)
}

/// Whether a request has the content type that `curl -d` sets by default, or none.
pub(super) fn is_curl_default(content_type: Option<&HeaderValue>) -> bool {
    content_type.is_none_or(|value| {
        let kind = value.as_bytes();
        let end = kind.iter().position(|&byte| byte == b';');
        let kind = kind[..end.unwrap_or(kind.len())].trim_ascii();
        kind.eq_ignore_ascii_case(b"application/x-www-form-urlencoded")
    })
}

/// Returns the options with which curl calls a method of this kind.
fn curl_hint(kind: Kind) -> &'static str {
    match kind {
        Kind::Unary => JSON_HINT,
        Kind::ServerStream => {
            "; with curl, add `-N -H 'content-type: application/json' -H 'accept: \
             text/event-stream'`"
        }
        Kind::ClientStream | Kind::Bidirectional => "",
    }
}

/// The header that a request with a JSON body needs.
pub(super) const JSON_HINT: &str = "; for JSON, add `-H 'content-type: application/json'`";

fn unsupported(
    content_type: Option<&HeaderValue>,
    hint: &str,
    accepted: &'static str,
) -> HttpResponse {
    let given = content_type.map_or("no content type".to_owned(), |value| {
        let text = String::from_utf8_lossy(value.as_bytes());
        format!("`content-type: {}`", text.escape_debug())
    });
    let error = Error::invalid_argument(format!("{given}{hint}; this method accepts: {accepted}"));
    let mut response = plain_text_error(StatusCode::UNSUPPORTED_MEDIA_TYPE, &error);
    response.headers_mut().insert(
        HeaderName::from_static("accept-post"),
        HeaderValue::from_static(accepted),
    );
    response
}

/// Returns a plain-text error for unsupported content types. Connect specifies no JSON for these
/// errors, and its clients take the error code from the HTTP status.
fn plain_text_error(status: StatusCode, error: &Error) -> HttpResponse {
    let text = format!("{}\n", error.message());
    plain(status, "text/plain; charset=utf-8", text)
}
