//! Paths of a server's own pages, for people and probes.

use crate::openapi::File;

/// A page of every server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Page {
    /// Services and methods.
    Index,
    /// Whether the process answers.
    Alive,
    /// Whether calls should come here.
    Ready,
    /// The OpenAPI description, or the page to try the methods.
    OpenApi(File),
}

impl Page {
    /// The page at a path, if there is one.
    pub(super) fn at(path: &str) -> Option<Self> {
        Some(match path {
            "/" => Self::Index,
            "/healthz" => Self::Alive,
            "/readyz" => Self::Ready,
            _ => return File::at(path).map(Self::OpenApi),
        })
    }
}
