//! `HttpRule`: the HTTP verb and path of a method, as written in the source.

/// The HTTP verb, path and body of a method, by the rules of `google.api.http`.
///
/// The app checks at start whether the rule is well formed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct HttpRule {
    /// The HTTP method in capitals, for example `GET`.
    pub verb: &'static str,
    /// The path with its variables, for example `/v1/carts/{cart}/items`.
    pub path: &'static str,
    /// The field of the request that the body contains. `*` means all fields that are not in the
    /// path. If empty, the request has no body, and the remaining fields come from the query.
    pub body: &'static str,
    /// The field of the response message that the HTTP body contains. If empty, the body contains
    /// the whole message.
    pub response_body: &'static str,
}

impl HttpRule {
    /// Creates a rule without a body.
    pub const fn new(verb: &'static str, path: &'static str) -> Self {
        Self {
            verb,
            path,
            body: "",
            response_body: "",
        }
    }

    /// Sets the field that the body contains: a field's name, or `*`.
    pub const fn body(mut self, field: &'static str) -> Self {
        self.body = field;
        self
    }

    /// Sets the field of the response message that the HTTP body contains.
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
