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
    OpenApi,
    /// The page to try the methods, and its files.
    OpenApiPage,
    OpenApiStyle,
    OpenApiScript,
}

impl Page {
    /// The page at a path, if there is one.
    pub(super) fn at(path: &str) -> Option<Self> {
        Some(match path {
            "/" => Self::Index,
            "/healthz" => Self::Alive,
            "/readyz" => Self::Ready,
            "/openapi.json" => Self::OpenApi,
            "/openapi" => Self::OpenApiPage,
            "/openapi.css" => Self::OpenApiStyle,
            "/openapi.js" => Self::OpenApiScript,
            _ => return None,
        })
    }
}
