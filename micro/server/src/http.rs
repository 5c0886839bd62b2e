//! Tells HTTP requests apart by what arrives: gRPC, gRPC-Web, Connect, events, REST, or a page for
//! people and probes.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::time::SystemTime;

use http::header::{
    ALLOW, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, DATE, HeaderName, HeaderValue, ORIGIN,
};
use http::{Method, Request, Response, StatusCode, Version};
use http_body::Body as _;
use hyper::service::Service;

use crate::calls::CallGuard;
use crate::connect::Shape;
use crate::exchange::Exchange;
use crate::grpc::Web;
use crate::incoming::Incoming;
use crate::peer::Peer;
use crate::reply::{HttpReply, ReplyBody, plain};
use crate::requests::DecodeOptions;
use crate::{connect, events, grpc, http1, index, openapi, rest, sse};
use micro_core::handler::{Body, Kind, Route};
use micro_message::codec::Codec;
use micro_message::error::Error;
use micro_schema::http::Found;

const ACCEPTED: &str = "application/grpc, application/grpc+json, application/grpc-web, \
     application/grpc-web+json, application/grpc-web-text, application/json, application/proto, \
     application/connect+json, application/connect+proto";

/// An answer on its way. Boxed, so that what handles a call is not moved about with it.
pub(super) type Answering = Pin<Box<dyn Future<Output = Result<HttpReply, Infallible>> + Send>>;

/// Answers the HTTP requests of one connection.
pub(super) struct Answers(pub(super) Arc<Peer>);

impl Service<Request<hyper::body::Incoming>> for Answers {
    type Response = HttpReply;
    type Error = Infallible;
    type Future = Answering;

    fn call(&self, request: Request<hyper::body::Incoming>) -> Answering {
        serve(Arc::clone(&self.0), request)
    }
}

fn serve(peer: Arc<Peer>, request: Request<hyper::body::Incoming>) -> Answering {
    let is_http2 = request.version() == Version::HTTP_2;
    let content_type = request.headers().get(CONTENT_TYPE);
    let codec = content_type.and_then(|value| micro_wire::grpc::codec(value.as_bytes()));
    match codec {
        Some(codec) if *request.method() == Method::POST => {
            if is_http2 {
                let (head, body) = request.into_parts();
                return Box::pin(grpc::serve(peer, head, Incoming::new(body), codec));
            }
            let error = Error::unimplemented(
                "gRPC needs HTTP/2; over HTTP/1 send `content-type: application/json`",
            );
            let response = refuse(StatusCode::HTTP_VERSION_NOT_SUPPORTED, &error);
            Box::pin(std::future::ready(Ok(last(response))))
        }
        _ if is_http2 => Box::pin(async move {
            let request = request.map(Incoming::new);
            let mut response = other(peer, request).await;
            // HTTP/1 has it from its connection; calls of gRPC are spared it, whoever dates them.
            let now = HeaderValue::from_str(&httpdate::fmt_http_date(SystemTime::now()));
            response
                .headers_mut()
                .extend(now.ok().map(|now| (DATE, now)));
            Ok(response)
        }),
        _ => Box::pin(async move {
            let (head, body) = request.into_parts();
            if let Some((status, error)) = http1::refusal(&head) {
                return Ok(last(told(status, &error)));
            }
            let (body, end) = Incoming::noting(body);
            let response = other(peer, Request::from_parts(head, body)).await;
            Ok(if end.is_reached() {
                response
            } else {
                last(response)
            })
        }),
    }
}

/// A response after which a connection of HTTP/1 is closed: its request was not read to the end.
fn last(mut response: HttpReply) -> HttpReply {
    response
        .headers_mut()
        .insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

/// Everything that browsers can send: with what lets pages of other sites read the answer.
async fn other(peer: Arc<Peer>, request: Request<Incoming>) -> HttpReply {
    let cors = &peer.shared.cors;
    if cors.is_none() {
        return answer(&peer, request).await;
    }
    let asking = request.method() == Method::OPTIONS;
    let origin = request.headers().get(ORIGIN).cloned();
    let headers = asking.then(|| request.headers().clone());
    let mut response = answer(&peer, request).await;
    if let Some(headers) = headers {
        response = cors.preflight(&headers, response);
    }
    cors.allow(origin.as_ref(), response.headers_mut());
    response
}

async fn answer(peer: &Arc<Peer>, request: Request<Incoming>) -> HttpReply {
    if *request.method() == Method::HEAD {
        return bodiless(body(peer, request).await);
    }
    body(peer, request).await
}

async fn body(peer: &Arc<Peer>, mut request: Request<Incoming>) -> HttpReply {
    if let Some(route) = events::route(&peer.shared.router, &mut request) {
        return post(peer, route, request).await;
    }
    let (method, path) = (request.method(), request.uri().path());
    if *method == Method::POST
        && let Some(web) = Web::read(request.headers())
    {
        return grpc::serve_web(peer, request, web).await;
    }
    if let Some(route) = peer.shared.router.get(path) {
        return match *method {
            Method::POST => post(peer, route, request).await,
            Method::GET | Method::HEAD if gettable(route) => get(peer, route, request).await,
            _ => allowed(method, verbs(route), told),
        };
    }
    if let Some(page) = page(path) {
        return match *method {
            Method::GET | Method::HEAD => page(peer, &request),
            _ => allowed(method, "GET, HEAD, OPTIONS", told),
        };
    }
    match peer.shared.rest.find(method.as_str(), path) {
        Found::Entry(_, rule) => rest::serve(peer, rule, request).await,
        Found::Methods(mut methods) => {
            if methods.contains(&"GET") && !methods.contains(&"HEAD") {
                methods.push("HEAD");
            }
            methods.push("OPTIONS");
            allowed(method, &methods.join(", "), refuse)
        }
        Found::Nothing if path == "*" => allowed(method, "GET, HEAD, POST, OPTIONS", told),
        Found::Nothing => unknown(peer, path),
    }
}

/// A call of Connect, or one that is answered with events.
async fn post(peer: &Arc<Peer>, route: &Route, request: Request<Incoming>) -> HttpReply {
    let content_type = request.headers().get(CONTENT_TYPE);
    let shape = content_type.and_then(|value| connect::shape(value.as_bytes()));
    match (shape, route.method.kind) {
        (Some(Shape::Unary(codec)), Kind::Unary) => {
            connect::serve_post(peer, route, request, codec).await
        }
        (Some(Shape::Unary(Codec::Json)), Kind::ServerStream) if sse::wanted(request.headers()) => {
            events(peer, route, request).await
        }
        (Some(Shape::Stream(codec)), kind) if kind != Kind::Unary => {
            connect::serve_stream(peer, route, request, codec).await
        }
        (Some(_), kind) => mismatched(content_type, kind),
        (None, _) => unsupported(content_type, ACCEPTED),
    }
}

async fn get(peer: &Arc<Peer>, route: &Route, request: Request<Incoming>) -> HttpReply {
    let (head, body) = request.into_parts();
    // An image on any page is a GET: harmless to repeat is not harmless to call.
    if !route.method.safe
        && let Err(error) = peer.shared.cors.check_any(&head)
    {
        return connect::refuse(&error);
    }
    if route.method.kind == Kind::Unary {
        return connect::serve_get(peer, route, &head).await;
    }
    if sse::wanted(&head.headers) {
        return events(peer, route, Request::from_parts(head, body)).await;
    }
    let error = Error::invalid_argument("this path answers GET with `accept: text/event-stream`");
    refuse(StatusCode::NOT_ACCEPTABLE, &error)
}

/// A server stream as events; its request is the body of a POST, or in the query of a GET.
async fn events(peer: &Arc<Peer>, route: &Route, request: Request<Incoming>) -> HttpReply {
    let guard = CallGuard::new(Arc::clone(peer), &route.method);
    let answered = async {
        let (head, body) = request.into_parts();
        let context = connect::context(&head.headers, peer, "sse")?;
        let exchange = Exchange::new(peer, route, context);
        let (codec, limit) = (Codec::Json, exchange.limit());
        let bytes = if head.method == Method::POST {
            connect::read_body(&exchange, connect::coding(&head.headers)?, body).await?
        } else {
            let query = head.uri.query().unwrap_or_default();
            connect::query::read_json(query, limit)?.message
        };
        let payload = DecodeOptions { codec, limit }.payload(bytes);
        sse::serve(exchange, &head.headers, Body::One(payload)).await
    };
    match answered.await {
        Ok(reply) => reply.map(|body| body.during(guard)),
        Err(failure) => connect::refuse_with(&failure),
    }
}

/// Whether a method is harmless enough for GET, and its request short enough.
fn gettable(route: &Route) -> bool {
    route.method.idempotent && !route.method.kind.streams_requests()
}

fn verbs(route: &Route) -> &'static str {
    if gettable(route) {
        "GET, HEAD, POST, OPTIONS"
    } else {
        "POST, OPTIONS"
    }
}

/// A page for people and probes.
type Page = fn(&Peer, &Request<Incoming>) -> HttpReply;

fn page(path: &str) -> Option<Page> {
    match path {
        "/" => Some(index::index),
        "/healthz" => Some(index::alive),
        "/readyz" => Some(index::ready),
        _ => openapi::page(path),
    }
}

/// Whether this server has a page at a path.
pub(super) fn is_page(path: &str) -> bool {
    page(path).is_some()
}

/// The answer where nobody answers.
fn unknown(peer: &Peer, path: &str) -> HttpReply {
    let near = peer.shared.rest.near(path);
    // Nobody reads more of a path that is not there.
    let shown: String = path.chars().take(200).collect();
    let error = if near.is_empty() {
        peer.shared.router.unknown(&shown)
    } else {
        Error::unimplemented(format!(
            "nothing at `{}`; near: `{}`",
            shown.escape_debug(),
            near.join("`, `")
        ))
    };
    refuse(StatusCode::NOT_FOUND, &error)
}

/// The answer to `OPTIONS`, and to what a path does not answer.
fn allowed(
    method: &Method,
    methods: &str,
    refuse: fn(StatusCode, &Error) -> HttpReply,
) -> HttpReply {
    let mut response = if *method == Method::OPTIONS {
        let mut response = Response::new(ReplyBody::empty());
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

/// A content type of Connect for another kind of call.
fn mismatched(content_type: Option<&HeaderValue>, kind: Kind) -> HttpReply {
    let accepted = if kind == Kind::Unary {
        "application/json, application/proto"
    } else {
        "application/connect+json, application/connect+proto"
    };
    unsupported(content_type, accepted)
}

fn unsupported(content_type: Option<&HeaderValue>, accepted: &'static str) -> HttpReply {
    let given = content_type.map_or("no content type".to_owned(), |value| {
        let text = String::from_utf8_lossy(value.as_bytes());
        format!("`content-type: {}`", text.escape_debug())
    });
    let error = Error::invalid_argument(format!("{given}; this method accepts: {accepted}"));
    let mut response = told(StatusCode::UNSUPPORTED_MEDIA_TYPE, &error);
    response.headers_mut().insert(
        HeaderName::from_static("accept-post"),
        HeaderValue::from_static(accepted),
    );
    response
}

/// An error for who speaks no protocol of ours: Connect has no JSON for these, and its clients
/// take the kind from the status.
fn told(status: StatusCode, error: &Error) -> HttpReply {
    let text = format!("{}\n", error.message());
    plain(status, "text/plain; charset=utf-8", text)
}

fn refuse(status: StatusCode, error: &Error) -> HttpReply {
    plain(status, "application/json", connect::json(error).to_string())
}

/// The same head without the body.
fn bodiless(response: HttpReply) -> HttpReply {
    let (mut head, body) = response.into_parts();
    if let Some(length) = body.size_hint().exact() {
        head.headers.insert(CONTENT_LENGTH, length.into());
    }
    Response::from_parts(head, ReplyBody::empty())
}
