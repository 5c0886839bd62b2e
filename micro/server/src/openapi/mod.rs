//! `/openapi.json` and a page to try the methods: all embedded, nothing is loaded from elsewhere.
//!
//! The page is files apart, so that its policy allows neither inline scripts nor inline styles.

use std::sync::OnceLock;

use bytes::Bytes;
use http::StatusCode;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, LOCATION};

use crate::body::{HttpReply, plain};
use crate::error_json;
use micro_core::handler::Router;
use micro_message::error::{Error, Result};
use micro_schema::Schema;

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// Nothing but the page's own files and calls to this very server.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// What is answered at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum File {
    /// The description.
    Description,
    /// The page to try the methods.
    Page,
    /// The page's style.
    Style,
    /// The page's script.
    Script,
}

impl File {
    /// The file at a path, if there is one.
    pub(super) fn at(path: &str) -> Option<Self> {
        Some(match path {
            "/openapi.json" => Self::Description,
            "/openapi" => Self::Page,
            "/openapi.css" => Self::Style,
            "/openapi.js" => Self::Script,
            _ => return None,
        })
    }
}

/// The description of what is served, made when it is first asked for.
#[derive(Debug, Default)]
pub(super) struct Description(OnceLock<Result<Bytes, String>>);

impl Description {
    /// A description, if the setting `reflection` is on.
    pub(super) fn offered(reflection: bool) -> Option<Self> {
        reflection.then(Self::default)
    }

    /// Answers a request for a file.
    pub(super) fn serve(&self, file: File, router: &Router) -> HttpReply {
        match file {
            File::Description => match self.text(router) {
                Ok(text) => reply("application/json", text.clone()),
                Err(error) => error_json::refuse(&Error::internal(error.clone())),
            },
            File::Page => reply(HTML, include_str!("page.html")),
            File::Style => reply(CSS, include_str!("page.css")),
            File::Script => reply(SCRIPT, include_str!("page.js")),
        }
    }

    /// Sends a browser to the page.
    #[expect(clippy::unused_self, reason = "only who describes itself has the page")]
    pub(super) fn redirect(&self) -> HttpReply {
        let mut response = plain(StatusCode::SEE_OTHER, HTML, "");
        let headers = response.headers_mut();
        headers.insert(LOCATION, HeaderValue::from_static("/openapi"));
        response
    }

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

fn reply(content_type: &'static str, bytes: impl Into<Bytes>) -> HttpReply {
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
