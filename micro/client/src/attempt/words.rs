//! What a failed call says: which method, node and attempt, which limit and how long.

use std::sync::Arc;

use crate::attempt::{Attempts, Node};
use crate::failure::Failure;
use crate::nodes::Service;
use crate::options::round;
use micro_core::handler::MethodInfo;
use micro_message::error::{Error, ErrorKind};

impl Attempts<'_> {
    /// The error for the caller: the service's own as it is, ours with where and which attempt.
    pub(super) fn say(&self, failure: Failure, node: &Node, attempt: u32) -> Error {
        if failure.is_the_service_s {
            return failure.error;
        }
        let kind = failure.error.kind();
        let text = self.counted(failure.error.message(), attempt);
        Place::new(self.info, node).error(kind, &text)
    }

    pub(super) fn late(&self, node: &Node, what: &str, attempt: u32) -> Error {
        let text = format!("{what} within {}", self.waited());
        let text = self.counted(&text, attempt);
        Place::new(self.info, node).error(ErrorKind::DeadlineExceeded, &text)
    }

    fn counted(&self, text: &str, attempt: u32) -> String {
        let attempts = self.outgoing.core.config.attempts;
        format!("{text} (attempt {attempt} of {attempts})")
    }

    /// The limit that was reached, and whose it is.
    fn waited(&self) -> String {
        match self.limit {
            Some(limit) => limit.to_string(),
            None => format!("{:?}", round(self.started.elapsed())),
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

/// Which method at which node, for what goes wrong after an attempt has succeeded.
#[derive(Debug, Clone)]
pub(super) struct Place {
    info: Arc<MethodInfo>,
    node: Node,
}

impl Place {
    pub(super) fn new(info: &Arc<MethodInfo>, node: &Node) -> Self {
        Self {
            info: Arc::clone(info),
            node: Arc::clone(node),
        }
    }

    /// The service's own error as it is, ours with where.
    pub(super) fn say(&self, failure: Failure) -> Error {
        if failure.is_the_service_s {
            return failure.error;
        }
        self.error(failure.error.kind(), failure.error.message())
    }

    /// An error that says where.
    pub(super) fn error(&self, kind: ErrorKind, text: &str) -> Error {
        let (path, node) = (&self.info.path, self.node.node());
        let name = if node.id == node.address {
            String::new()
        } else {
            format!(" on `{}`", node.id)
        };
        Error::new(kind, format!("`{path}`{name} at {}: {text}", node.address))
    }
}
