//! Paths of the server's own pages, for people and probes.

use crate::openapi::File;

/// A page of every server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Page {
    /// List of services and methods.
    Index,
    /// Whether the process responds.
    Alive,
    /// Whether the server is ready for calls.
    Ready,
    /// The OpenAPI description, or a file of the page where methods can be tried.
    OpenApi(File),
}

impl Page {
    /// Returns the page at a path.
    pub(super) fn at(path: &str) -> Option<Self> {
        Some(match path {
            "/" => Self::Index,
            "/healthz" => Self::Alive,
            "/readyz" => Self::Ready,
            _ => return File::at(path).map(Self::OpenApi),
        })
    }
}
