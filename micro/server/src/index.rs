//! Pages for people and probes: the list of services, liveness and readiness.

use std::fmt::Write;

use bytes::Bytes;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HOST, HeaderValue, LOCATION, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use http::uri::Authority;
use http::{Request, StatusCode};
use serde_json::json;

use crate::body::{HttpResponse, plain};
use crate::content_negotiation::prefers;
use crate::error_json;
use crate::pages::Page;
use crate::state::ServerState;
use micro_core::handler::{Kind, Route, Router, ServiceInfo, is_built_in};
use micro_message::internal::sort_by_key;

const TEXT: &str = "text/plain; charset=utf-8";

/// Allows only the page's own files and calls to this server.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Serves a page.
pub(super) fn serve<B>(page: Page, server: &ServerState, request: &Request<B>) -> HttpResponse {
    match page {
        Page::Index => index(server, request),
        Page::Alive => plain(StatusCode::OK, TEXT, "alive\n"),
        Page::Ready => ready(server),
        // Not found when the server does not describe its services.
        Page::OpenApi(file) => match &server.description {
            Some(description) => match description.content(file, &server.router) {
                Ok((content_type, bytes)) => embedded(content_type, bytes),
                Err(error) => error_json::refuse(&error),
            },
            None => {
                let error = server.router.unknown(request.uri().path());
                error_json::refuse_as(StatusCode::NOT_FOUND, &error)
            }
        },
    }
}

/// `GET /`: services, methods and how to call one. JSON for clients that ask for it; browsers are
/// redirected to the page where methods can be tried.
fn index<B>(server: &ServerState, request: &Request<B>) -> HttpResponse {
    if prefers(request.headers(), "application/json", "text/html") {
        let list = list(&server.router).to_string();
        return plain(StatusCode::OK, "application/json", list);
    }
    if server.description.is_some() && prefers(request.headers(), "text/html", "text/plain") {
        let mut response = plain(StatusCode::SEE_OTHER, "text/html; charset=utf-8", "");
        let headers = response.headers_mut();
        headers.insert(LOCATION, HeaderValue::from_static("/openapi"));
        return response;
    }
    plain(StatusCode::OK, TEXT, text(server, &host(request)))
}

/// Returns a file of the OpenAPI page.
fn embedded(content_type: &'static str, bytes: Bytes) -> HttpResponse {
    let mut response = plain(StatusCode::OK, content_type, bytes);
    let headers = response.headers_mut();
    for (name, value) in [
        (CONTENT_SECURITY_POLICY, POLICY),
        (CACHE_CONTROL, "no-cache"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// `GET /readyz`: whether the server is ready for calls.
fn ready(server: &ServerState) -> HttpResponse {
    match server.health.unready() {
        None => plain(StatusCode::OK, TEXT, "ready\n"),
        Some(reason) => plain(
            StatusCode::SERVICE_UNAVAILABLE,
            TEXT,
            format!("not ready: {reason}\n"),
        ),
    }
}

/// Returns the services: those of the program first, then the built-in ones.
fn services(router: &Router) -> Vec<ServiceInfo> {
    let mut services = router.services();
    sort_by_key(&mut services, |service| {
        (is_built_in(service.wire), service.wire)
    });
    services
}

fn list(router: &Router) -> serde_json::Value {
    let routes = router.routes();
    let methods = |wire: &str| -> serde_json::Value {
        let own = routes.iter().filter(|route| route.service.wire == wire);
        own.map(|route| {
            json!({
                "name": route.method.name(),
                "path": route.method.path,
                "kind": kind(route),
                "idempotent": route.method.options.idempotent,
                "doc": route.doc.trim(),
                "http": http(route),
            })
        })
        .collect()
    };
    let services: serde_json::Value = services(router)
        .iter()
        .map(|service| {
            json!({
                "name": service.name,
                "wire": service.wire,
                "version": service.version,
                "doc": service.doc.trim(),
                "methods": methods(service.wire),
            })
        })
        .collect();
    json!({ "services": services })
}

fn text(server: &ServerState, host: &str) -> String {
    let mut out = String::from("This port serves gRPC and, as plain HTTP, JSON.\n");
    let routes = server.router.routes();
    for service in services(&server.router) {
        line(&mut out, &format!("\n{} {}", service.wire, service.version));
        doc(&mut out, service.doc, "  ");
        for route in routes
            .iter()
            .filter(|route| route.service.wire == service.wire)
        {
            let method = &route.method;
            line(&mut out, &format!("  {}  ({})", method.name(), kind(route)));
            for rule in http(route) {
                line(&mut out, &format!("    {rule}"));
            }
            doc(&mut out, route.doc, "    ");
        }
    }
    let example = routes
        .iter()
        .find(|route| route.method.kind == Kind::Unary && !is_built_in(route.service.wire));
    if let Some(route) = example {
        let path = &route.method.path;
        line(&mut out, "\nTo call a method:");
        line(
            &mut out,
            &format!("  curl -d '{{}}' -H 'content-type: application/json' http://{host}{path}"),
        );
    }
    let described = match server.description {
        Some(_) => "/openapi to try it  /openapi.json  ",
        None => "",
    };
    line(
        &mut out,
        &format!("\nMore: {described}/healthz  /readyz  and this page as JSON with"),
    );
    line(
        &mut out,
        &format!("  curl -H 'accept: application/json' http://{host}/"),
    );
    out
}

fn kind(route: &Route) -> &'static str {
    match route.method.kind {
        Kind::Unary => "unary",
        Kind::ServerStream => "server stream",
        Kind::ClientStream => "client stream",
        Kind::Bidirectional => "bidirectional stream",
    }
}

/// Returns the HTTP rules of a method, in addition to its own path.
fn http(route: &Route) -> Vec<String> {
    route.http.iter().map(ToString::to_string).collect()
}

fn doc(out: &mut String, text: &str, indent: &str) {
    for text in text.trim().lines() {
        line(out, format!("{indent}{}", text.trim()).trim_end());
    }
}

fn line(out: &mut String, text: &str) {
    writeln!(out, "{text}").expect("a string takes everything");
}

/// Returns the host by which the client addressed this server, if it is valid.
fn host<B>(request: &Request<B>) -> String {
    let header = request
        .headers()
        .get(HOST)
        .and_then(|host| host.to_str().ok());
    let host = header.or_else(|| request.uri().authority().map(Authority::as_str));
    let plain = |host: &&str| {
        let known = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte);
        host.bytes().all(known)
    };
    host.filter(plain).unwrap_or("localhost").to_owned()
}
