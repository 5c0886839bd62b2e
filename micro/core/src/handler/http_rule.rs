//! `HttpRule`: how a method is reached by plain HTTP, as it was written.

/// How a method is reached by plain HTTP, after the rules of `google.api.http`.
///
/// A table entry; whether it is well formed is checked when the app starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct HttpRule {
    /// The HTTP method in capitals: `GET`.
    pub verb: &'static str,
    /// The path with its variables: `/v1/carts/{cart}/items`.
    pub path: &'static str,
    /// The field of the request that the body fills: a name, `*` for all that the path leaves
    /// over, or empty when there is no body and the rest is the query.
    pub body: &'static str,
    /// The field of the reply that is the response's body; empty: the whole reply.
    pub response_body: &'static str,
}

impl HttpRule {
    /// A rule without a body.
    pub const fn new(verb: &'static str, path: &'static str) -> Self {
        Self {
            verb,
            path,
            body: "",
            response_body: "",
        }
    }

    /// Sets what the body fills: a field's name, or `*`.
    pub const fn body(mut self, field: &'static str) -> Self {
        self.body = field;
        self
    }

    /// Sets the field of the reply that is the response's body.
    pub const fn response_body(mut self, field: &'static str) -> Self {
        self.response_body = field;
        self
    }
}

impl std::fmt::Display for HttpRule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.verb, self.path)
    }
}
