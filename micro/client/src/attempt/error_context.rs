//! `ErrorContext`: the method and the node that error messages name.

use std::sync::Arc;

use crate::failure::Failure;
use crate::node_connection::NodeConnection;
use crate::selector::Member;
use micro_core::handler::MethodInfo;
use micro_message::error::{Error, ErrorKind};

pub(super) type Node = Arc<Member<Arc<NodeConnection>>>;

/// The method and the node of a call, for its error messages.
#[derive(Debug, Clone)]
pub(super) struct ErrorContext {
    info: Arc<MethodInfo>,
    node: Node,
}

impl ErrorContext {
    pub(super) fn new(info: &Arc<MethodInfo>, node: &Node) -> Self {
        Self {
            info: Arc::clone(info),
            node: Arc::clone(node),
        }
    }

    /// Returns the error for the caller: the service's own error unchanged, and the client's errors
    /// with the method and the node.
    pub(super) fn say(&self, failure: Failure) -> Error {
        if failure.is_the_service_s {
            return failure.error;
        }
        self.error(failure.error.kind(), failure.error.message())
    }

    /// Creates an error that names the method and the node.
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
