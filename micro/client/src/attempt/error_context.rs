//! `ErrorContext`: which method at which node, for errors that say where something went wrong.

use std::sync::Arc;

use crate::failure::Failure;
use crate::node_connection::NodeConnection;
use crate::selector::Member;
use micro_core::handler::MethodInfo;
use micro_message::error::{Error, ErrorKind};

pub(super) type Node = Arc<Member<Arc<NodeConnection>>>;

/// Which method at which node, for what goes wrong after an attempt has succeeded.
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
