//! Pages for people and probes: what is served here, alive or not, ready or not.

use std::fmt::Write;

use http::header::HOST;
use http::uri::Authority;
use http::{Request, StatusCode};
use serde_json::json;

use crate::accept::prefers;
use crate::openapi;
use crate::peer::Peer;
use crate::reply::{HttpReply, plain};
use micro_core::handler::{Kind, Route};
use micro_core::internal::is_own;

const TEXT: &str = "text/plain; charset=utf-8";

/// `GET /`: services, methods and how to call one; JSON for whoever asks for it, and for browsers
/// the page where methods can be tried.
pub(super) fn index<B>(peer: &Peer, request: &Request<B>) -> HttpReply {
    if prefers(request.headers(), "application/json", "text/html") {
        return plain(StatusCode::OK, "application/json", list(peer).to_string());
    }
    openapi::redirect(peer, request)
        .unwrap_or_else(|| plain(StatusCode::OK, TEXT, text(peer, &host(request))))
}

/// `GET /healthz`: the process answers.
pub(super) fn alive<B>(_: &Peer, _: &Request<B>) -> HttpReply {
    plain(StatusCode::OK, TEXT, "alive\n")
}

/// `GET /readyz`: whether calls should come here.
pub(super) fn ready<B>(peer: &Peer, _: &Request<B>) -> HttpReply {
    match peer.shared.health.unready() {
        None => plain(StatusCode::OK, TEXT, "ready\n"),
        Some(reason) => plain(
            StatusCode::SERVICE_UNAVAILABLE,
            TEXT,
            format!("not ready: {reason}\n"),
        ),
    }
}

fn list(peer: &Peer) -> serde_json::Value {
    let routes = peer.shared.router.routes();
    let methods = |wire: &str| -> serde_json::Value {
        let own = routes.iter().filter(|route| route.service.wire == wire);
        own.map(|route| {
            json!({
                "name": route.method.name(),
                "path": route.method.path,
                "kind": kind(route),
                "idempotent": route.method.idempotent,
                "doc": route.doc.trim(),
                "http": http(route),
            })
        })
        .collect()
    };
    let services: serde_json::Value = peer
        .shared
        .router
        .services()
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

fn text(peer: &Peer, host: &str) -> String {
    let mut out = String::from("This port serves gRPC and, as plain HTTP, JSON.\n");
    let routes = peer.shared.router.routes();
    for service in peer.shared.router.services() {
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
        .find(|route| route.method.kind == Kind::Unary && !is_own(route.service.wire));
    if let Some(route) = example {
        let path = &route.method.path;
        line(&mut out, "\nTo call a method:");
        line(
            &mut out,
            &format!("  curl -d '{{}}' -H 'content-type: application/json' http://{host}{path}"),
        );
    }
    let described = match peer.shared.description {
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

/// How plain HTTP reaches a method, beside its own path.
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

/// The host under which the caller knows this server, if it looks like one.
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
