//! What a failed call says: which method, node and attempt, which limit and how long.

use crate::client::attempt::{Attempts, Node};
use crate::client::failure::Failure;
use crate::client::nodes::Service;
use crate::client::options::round;
use crate::error::{Error, ErrorKind};

impl Attempts<'_> {
    /// The error for the caller: the service's own as it is, ours with where and which attempt.
    pub(super) fn say(&self, failure: Failure, node: &Node, attempt: u32) -> Error {
        if failure.is_the_service_s {
            return failure.error;
        }
        let kind = failure.error.kind();
        Error::new(kind, self.place(node, failure.error.message(), attempt))
    }

    pub(super) fn late(&self, node: &Node, what: &str, attempt: u32) -> Error {
        let text = format!("{what} within {}", self.waited());
        Error::new(
            ErrorKind::DeadlineExceeded,
            self.place(node, &text, attempt),
        )
    }

    fn place(&self, node: &Node, text: &str, attempt: u32) -> String {
        let (path, node) = (&self.info.path, node.node());
        let attempts = self.outgoing.core.config.attempts;
        let name = if node.id == node.address {
            String::new()
        } else {
            format!(" on `{}`", node.id)
        };
        format!(
            "`{path}`{name} at {}: {text} (attempt {attempt} of {attempts})",
            node.address
        )
    }

    /// The limit that was reached, and whose it is.
    fn waited(&self) -> String {
        match self.outgoing.options.limit {
            Some(limit) if self.deadline == Some(limit.at) => limit.to_string(),
            _ => format!("{:?}, the call's deadline", round(self.started.elapsed())),
        }
    }

    pub(super) fn nobody(&self, service: &Service, known: Option<Vec<String>>) -> Error {
        let registry = self.outgoing.core.registry.as_ref();
        let mut text = format!(
            "no node serves `{}`{}; looked for {} in `{}`",
            service.name,
            self.outgoing.options.filter,
            self.waited(),
            registry.map_or("nothing", |registry| registry.scheme()),
        );
        text.push_str(&service.why_none());
        match known {
            Some(names) if names.is_empty() => text.push_str("; known: none"),
            Some(names) => {
                text.push_str("; known: `");
                text.push_str(&names.join("`, `"));
                text.push('`');
            }
            None => {}
        }
        Error::unavailable(text)
    }
}
