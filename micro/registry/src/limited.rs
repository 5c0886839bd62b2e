//! A backend with its name and a timeout for each operation. The handle and each member of a union
//! hold one.
//!
//! It neither checks arguments nor adds context to errors. The handle does both.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use crate::backend::{Capabilities, Erased};
use crate::record::Node;
use crate::watch::Watch;
use micro_message::error::{Error, Result};

#[derive(Clone)]
pub(super) struct Limited {
    backend: Arc<dyn Erased>,
    /// The scheme, or those of a union joined by `+`.
    name: Arc<str>,
    timeout: Duration,
}

impl Limited {
    pub(super) fn new(backend: Arc<dyn Erased>, name: Arc<str>, timeout: Duration) -> Self {
        Self {
            backend,
            name,
            timeout,
        }
    }

    pub(super) fn set_timeout(&mut self, timeout: Duration) {
        self.timeout = timeout;
    }

    pub(super) fn scheme(&self) -> &str {
        &self.name
    }

    pub(super) fn capabilities(&self) -> Capabilities {
        self.backend.capabilities()
    }

    pub(super) async fn register(&self, node: Node, ttl: Duration) -> Result<()> {
        self.limit(self.backend.register(node, ttl)).await
    }

    pub(super) async fn deregister(&self, node: &Node) -> Result<()> {
        self.limit(self.backend.deregister(node)).await
    }

    pub(super) async fn lookup(&self, service: &str) -> Result<Vec<Node>> {
        self.limit(self.backend.lookup(service)).await
    }

    pub(super) async fn list(&self) -> Result<Vec<Node>> {
        self.limit(self.backend.list()).await
    }

    pub(super) async fn watch(&self, service: &str) -> Result<Watch> {
        self.limit(self.backend.watch(service)).await
    }

    async fn limit<T>(&self, operation: impl Future<Output = Result<T>>) -> Result<T> {
        timeout(self.timeout, operation).await.unwrap_or_else(|_| {
            Err(Error::deadline_exceeded(format!(
                "no answer within {:?}",
                self.timeout
            )))
        })
    }
}
