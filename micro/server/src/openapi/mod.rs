//! `/openapi.json` and a page where methods can be tried. All files are embedded; the page loads
//! nothing from other servers.
//!
//! Script and style are separate files, so that the page's content security policy allows neither
//! inline scripts nor inline styles.

use std::sync::OnceLock;

use bytes::Bytes;
use micro_core::handler::Router;
use micro_message::error::{Error, Result};
use micro_schema::Schema;

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// A file of the OpenAPI page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum File {
    /// The OpenAPI description.
    Description,
    /// The page where methods can be tried.
    Page,
    /// The page's style.
    Style,
    /// The page's script.
    Script,
}

impl File {
    /// Returns the file at a path.
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

/// The OpenAPI description of the services, created on first use.
#[derive(Debug, Default)]
pub(super) struct Description(OnceLock<Result<Bytes, String>>);

impl Description {
    /// Creates a description, if the setting `reflection` is on.
    pub(super) fn offered(reflection: bool) -> Option<Self> {
        reflection.then(Self::default)
    }

    /// Returns the content type and the content of a file.
    ///
    /// # Errors
    ///
    /// `Internal` when the services cannot be described.
    pub(super) fn content(&self, file: File, router: &Router) -> Result<(&'static str, Bytes)> {
        Ok(match file {
            File::Description => {
                let text = self.text(router).clone();
                ("application/json", text.map_err(Error::internal)?)
            }
            File::Page => (HTML, include_str!("page.html").into()),
            File::Style => (CSS, include_str!("page.css").into()),
            File::Script => (SCRIPT, include_str!("page.js").into()),
        })
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
