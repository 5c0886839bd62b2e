//! Tells HTTP requests apart by what arrives: gRPC, Connect, or a page for people and probes.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;

use http::header::{ALLOW, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue};
use http::{Method, Request, Response, StatusCode, Version};
use http_body::Body;
use hyper::body::Incoming;
use hyper::service::Service;

use crate::error::Error;
use crate::server::peer::Peer;
use crate::server::reply::{HttpReply, ReplyBody, plain};
use crate::server::{connect, grpc, index};

const ACCEPTED: &str =
    "application/grpc, application/grpc+json, application/json, application/proto";

/// An answer on its way. Boxed, so that what handles a call is not moved about with it.
pub(super) type Answering = Pin<Box<dyn Future<Output = Result<HttpReply, Infallible>> + Send>>;

/// Answers the HTTP requests of one connection.
pub(super) struct Answers(pub(super) Arc<Peer>);

impl Service<Request<Incoming>> for Answers {
    type Response = HttpReply;
    type Error = Infallible;
    type Future = Answering;

    fn call(&self, request: Request<Incoming>) -> Answering {
        serve(Arc::clone(&self.0), request)
    }
}

fn serve(peer: Arc<Peer>, request: Request<Incoming>) -> Answering {
    let content_type = request.headers().get(CONTENT_TYPE);
    let codec = content_type.and_then(|value| grpc::codec(value.as_bytes()));
    match codec {
        Some(codec) if *request.method() == Method::POST => {
            if request.version() == Version::HTTP_2 {
                let (head, body) = request.into_parts();
                return Box::pin(grpc::serve(peer, head, body, codec));
            }
            let error = Error::unimplemented(
                "gRPC needs HTTP/2; over HTTP/1 send `content-type: application/json`",
            );
            let response = refuse(StatusCode::HTTP_VERSION_NOT_SUPPORTED, &error);
            Box::pin(std::future::ready(Ok(response)))
        }
        _ => Box::pin(async move { Ok(other(peer, request).await) }),
    }
}

async fn other(peer: Arc<Peer>, request: Request<Incoming>) -> HttpReply {
    if request.method() == Method::HEAD {
        return bodiless(page(&peer, &request));
    }
    let Some(route) = peer.shared.router.get(request.uri().path()) else {
        return page(&peer, &request);
    };
    match *request.method() {
        Method::POST => {}
        Method::OPTIONS => return allowed(StatusCode::NO_CONTENT, "POST, OPTIONS"),
        _ => return allowed(StatusCode::METHOD_NOT_ALLOWED, "POST, OPTIONS"),
    }
    let content_type = request.headers().get(CONTENT_TYPE);
    match content_type.and_then(|value| connect::codec(value.as_bytes())) {
        Some(codec) => connect::serve(&peer, route, request, codec).await,
        None => unsupported(content_type),
    }
}

/// What is not a call: pages for people and probes, and everything unknown.
fn page(peer: &Peer, request: &Request<Incoming>) -> HttpReply {
    let path = request.uri().path();
    let answer: fn(&Peer, &Request<Incoming>) -> HttpReply = match path {
        "/" => index::index,
        "/healthz" => index::alive,
        "/readyz" => index::ready,
        "*" => return allowed(StatusCode::NO_CONTENT, "GET, HEAD, POST, OPTIONS"),
        _ if peer.shared.router.get(path).is_some() => {
            return allowed(StatusCode::METHOD_NOT_ALLOWED, "POST, OPTIONS");
        }
        _ => return refuse(StatusCode::NOT_FOUND, &peer.shared.router.unknown(path)),
    };
    match *request.method() {
        Method::GET | Method::HEAD => answer(peer, request),
        Method::OPTIONS => allowed(StatusCode::NO_CONTENT, "GET, HEAD, OPTIONS"),
        _ => allowed(StatusCode::METHOD_NOT_ALLOWED, "GET, HEAD, OPTIONS"),
    }
}

fn allowed(status: StatusCode, methods: &'static str) -> HttpReply {
    let mut response = if status == StatusCode::METHOD_NOT_ALLOWED {
        let error = Error::unimplemented(format!("this path answers {methods}"));
        refuse(status, &error)
    } else {
        let mut response = Response::new(ReplyBody::empty());
        *response.status_mut() = status;
        response
    };
    response
        .headers_mut()
        .insert(ALLOW, HeaderValue::from_static(methods));
    response
}

fn unsupported(content_type: Option<&HeaderValue>) -> HttpReply {
    let given = content_type.map_or("no content type".to_owned(), |value| {
        let text = String::from_utf8_lossy(value.as_bytes());
        format!("`content-type: {}`", text.escape_debug())
    });
    let error = Error::invalid_argument(format!("{given}; this server accepts: {ACCEPTED}"));
    let mut response = refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, &error);
    response.headers_mut().insert(
        HeaderName::from_static("accept-post"),
        HeaderValue::from_static(ACCEPTED),
    );
    response
}

fn refuse(status: StatusCode, error: &Error) -> HttpReply {
    plain(status, "application/json", connect::body(error))
}

/// The same head without the body.
fn bodiless(response: HttpReply) -> HttpReply {
    let (mut head, body) = response.into_parts();
    if let Some(length) = body.size_hint().exact() {
        head.headers.insert(CONTENT_LENGTH, length.into());
    }
    Response::from_parts(head, ReplyBody::empty())
}
