//! Paths of a server's own pages, for people and probes.

/// A page of every server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Page {
    /// Services and methods.
    Index,
    /// Whether the process answers.
    Alive,
    /// Whether calls should come here.
    Ready,
    /// The OpenAPI description.
    Description,
    /// The page to try the methods, and its files.
    Explorer,
    ExplorerStyle,
    ExplorerScript,
}

impl Page {
    /// The page at a path, if there is one.
    pub(super) fn at(path: &str) -> Option<Self> {
        Some(match path {
            "/" => Self::Index,
            "/healthz" => Self::Alive,
            "/readyz" => Self::Ready,
            "/openapi.json" => Self::Description,
            "/openapi" => Self::Explorer,
            "/openapi.css" => Self::ExplorerStyle,
            "/openapi.js" => Self::ExplorerScript,
            _ => return None,
        })
    }
}
