//! `/openapi.json` and a page to try the methods: all embedded, nothing is loaded from elsewhere.
//!
//! The page is files apart, so that its policy allows neither inline scripts nor inline styles.

use std::sync::OnceLock;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, LOCATION};
use http::{Request, StatusCode};

use crate::accept::prefers;
use crate::connect;
use crate::peer::Peer;
use crate::reply::{HttpReply, plain};
use micro_core::handler::Router;
use micro_message::error::{Error, Result};
use micro_schema::Schema;

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// Nothing but the page's own files and calls to this very server.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The description of what is served, made when it is first asked for.
#[derive(Debug, Default)]
pub(super) struct Description(OnceLock<Result<Bytes, String>>);

impl Description {
    fn text(&self, router: &Router) -> &Result<Bytes, String> {
        self.0.get_or_init(|| match describe(router) {
            Ok(text) => Ok(text.into()),
            Err(error) => {
                tracing::warn!(%error, "services cannot be described");
                Err(error.chain())
            }
        })
    }
}

fn describe(router: &Router) -> Result<String> {
    let schema = Schema::of(router)?;
    let (services, all) = (schema.services(), router.services());
    let own = all
        .iter()
        .filter(|service| services.contains_key(service.wire));
    let (mut names, mut versions): (Vec<_>, Vec<_>) =
        own.map(|service| (service.name, service.version)).unzip();
    names.dedup();
    versions.dedup();
    let version = match &*versions {
        [version] => version,
        _ => "0.0.0",
    };
    Ok(schema.openapi(&names.join(", "), version))
}

/// The page or file of a path; it is not found when the server does not describe itself.
pub(super) fn page<B>(path: &str) -> Option<fn(&Peer, &Request<B>) -> HttpReply> {
    Some(match path {
        "/openapi.json" => |peer, request| described(peer, request, description),
        "/openapi" => {
            |peer, request| described(peer, request, |_, _| file(HTML, include_str!("page.html")))
        }
        "/openapi.css" => {
            |peer, request| described(peer, request, |_, _| file(CSS, include_str!("page.css")))
        }
        "/openapi.js" => {
            |peer, request| described(peer, request, |_, _| file(SCRIPT, include_str!("page.js")))
        }
        _ => return None,
    })
}

fn described<B>(
    peer: &Peer,
    request: &Request<B>,
    page: fn(&Description, &Router) -> HttpReply,
) -> HttpReply {
    let (shared, path) = (&peer.shared, request.uri().path());
    match &shared.description {
        Some(description) => page(description, &shared.router),
        None => {
            let error = shared.router.unknown(path);
            let json = connect::json(&error).to_string();
            plain(StatusCode::NOT_FOUND, "application/json", json)
        }
    }
}

/// Where browsers are sent that ask for `/`.
pub(super) fn redirect<B>(peer: &Peer, request: &Request<B>) -> Option<HttpReply> {
    peer.shared.description.as_ref()?;
    prefers(request.headers(), "text/html", "text/plain").then(|| {
        let mut response = plain(StatusCode::SEE_OTHER, HTML, "");
        let headers = response.headers_mut();
        headers.insert(LOCATION, HeaderValue::from_static("/openapi"));
        response
    })
}

fn description(description: &Description, router: &Router) -> HttpReply {
    match description.text(router) {
        Ok(text) => file("application/json", text.clone()),
        Err(error) => connect::refuse(&Error::internal(error.clone())),
    }
}

fn file(content_type: &'static str, bytes: impl Into<Bytes>) -> HttpReply {
    let mut response = plain(StatusCode::OK, content_type, bytes);
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
    ] {
        headers.insert(
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
    }
    response
}
