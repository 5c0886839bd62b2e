//! The handle of a registry, for any backend.
//!
//! The handle checks names, applies timeouts, logs, and adds to each error which registry failed at
//! which operation. It does not cache. Watch a service to keep its nodes at hand.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::backend::{Backend, Capabilities};
use crate::limited::Limited;
use crate::record::{Node, check_lookup_name, check_service, sorted};
use crate::registration::Registration;
use crate::union::Union;
use crate::url::{self, Scheme};
use crate::watch::Watch;
use micro_core::handler::{FromApp, Resources};
use micro_message::error::{Error, Result};
use micro_message::internal::sort_by;

/// Default timeout of an operation.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(5);

/// Handle for service registration and discovery.
///
/// Cloning is cheap. Clones share the backend.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> micro::Result<()> {
/// use std::time::Duration;
/// use micro::registry::{Node, Registry};
///
/// let registry = Registry::open("memory://")?;
/// let node = Node::new("greeter", "greeter-1", "127.0.0.1:8080");
/// let registration = registry.register(node.clone(), Duration::from_secs(30)).await?;
/// assert_eq!(registry.lookup("greeter").await?, [node]);
/// registration.deregister().await?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Registry {
    backend: Limited,
    /// Interval between heartbeats. `None` for a third of the ttl.
    heartbeat_interval: Option<Duration>,
}

impl Registry {
    /// Creates a registry from a backend.
    pub fn new(backend: impl Backend) -> Self {
        let name = backend.scheme().into();
        Self {
            backend: Limited::new(Arc::new(backend), name, OPERATION_TIMEOUT),
            heartbeat_interval: None,
        }
    }

    /// Combines several registries into one: the first response wins, and registrations go to all.
    ///
    /// Put the nearest registry first: if two registries return a record of the same node, the
    /// record of the earlier one is used. A registry that fails is logged while the others
    /// continue. An operation fails when all of them fail.
    pub fn union(registries: impl IntoIterator<Item = Self>) -> Self {
        let members: Vec<Limited> = registries.into_iter().map(|r| r.backend).collect();
        let schemes: Vec<&str> = members.iter().map(Limited::scheme).collect();
        let name = schemes.join("+").into();
        Self {
            backend: Limited::new(Arc::new(Union::new(members)), name, OPERATION_TIMEOUT),
            heartbeat_interval: None,
        }
    }

    /// Opens the registry that a URL names, or a union of several URLs joined by `+` or `,`.
    ///
    /// Examples: `memory://`, `static://greeter=127.0.0.1:8080,billing=10.0.0.2:80`,
    /// `host:///run/micro`, `mdns://`, `host+mdns`. Each backend's documentation lists its
    /// settings. This function does not connect to anything.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` for an unknown scheme (the error lists the known ones) and for settings
    /// that the backend does not accept. `Unimplemented` for a scheme whose cargo feature is off.
    pub fn open(url: &str) -> Result<Self> {
        url::open(url, &[])
    }

    /// Like [`open`](Self::open), with additional schemes. They take precedence over the announced
    /// ones.
    ///
    /// # Errors
    ///
    /// See [`open`](Self::open).
    pub fn open_with(url: &str, schemes: &[Scheme]) -> Result<Self> {
        url::open(url, schemes)
    }

    /// Sets the timeout of one operation. Default: 5 s.
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.backend.set_timeout(timeout);
        self
    }

    /// Sets the interval between the heartbeats of a node. Default: a third of its ttl, which is
    /// also used for a ttl that is not longer than this interval.
    ///
    /// The actual interval is up to a fifth shorter, so that nodes that started together do not
    /// send their heartbeats together.
    pub fn with_heartbeat_interval(mut self, interval: Duration) -> Self {
        self.heartbeat_interval = Some(interval).filter(|interval| !interval.is_zero());
        self
    }

    /// The interval between the heartbeats of a node with this ttl.
    pub(crate) fn heartbeat_interval(&self, ttl: Duration) -> Duration {
        let set = self.heartbeat_interval.filter(|interval| *interval < ttl);
        set.unwrap_or(ttl / 3)
    }

    /// The backend's scheme, or the schemes of a union joined by `+`. Used in logs and reports.
    pub fn scheme(&self) -> &str {
        self.backend.scheme()
    }

    /// The features that the backend supports.
    pub fn capabilities(&self) -> Capabilities {
        self.backend.capabilities()
    }

    /// Looks up the live nodes of a service, sorted by id. The list is empty for an unknown
    /// service.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` for an invalid service name, `DeadlineExceeded` when the registry does not
    /// respond in time, and any error of the backend.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn lookup(&self, service: &str) -> Result<Vec<Node>> {
        check_lookup_name(service)?;
        let looked = self.backend.lookup(service).await;
        let nodes =
            looked.map_err(|e| self.with_context(e, format_args!("look up `{service}`")))?;
        tracing::debug!(
            registry = self.scheme(),
            service,
            nodes = nodes.len(),
            "looked up"
        );
        Ok(sorted(nodes))
    }

    /// Lists the live nodes of all services, sorted by service and id.
    ///
    /// # Errors
    ///
    /// See [`lookup`](Self::lookup). `Unimplemented` if the backend cannot list nodes.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn list(&self) -> Result<Vec<Node>> {
        let listed = self.backend.list().await;
        let mut nodes = listed.map_err(|e| self.with_context(e, format_args!("list nodes")))?;
        sort_by(&mut nodes, |a, b| {
            (&a.service, &a.id).cmp(&(&b.service, &b.id))
        });
        tracing::debug!(registry = self.scheme(), nodes = nodes.len(), "listed");
        Ok(nodes)
    }

    /// Watches the nodes of a service.
    ///
    /// # Errors
    ///
    /// See [`lookup`](Self::lookup).
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn watch(&self, service: &str) -> Result<Watch> {
        check_lookup_name(service)?;
        let watch = self.backend.watch(service).await;
        let watch = watch.map_err(|e| self.with_context(e, format_args!("watch `{service}`")))?;
        tracing::debug!(registry = self.scheme(), service, "watching");
        Ok(watch)
    }

    /// Registers a node and keeps it registered until the guard is dropped.
    ///
    /// The record expires `ttl` after the last heartbeat (10 to 60 s is usual). A heartbeat is sent
    /// every third of the ttl, or at [another
    /// interval](Self::with_heartbeat_interval).
    ///
    /// # Errors
    ///
    /// `InvalidArgument` for a node with an invalid name, id or address. For other errors, see
    /// [`lookup`](Self::lookup).
    ///
    /// # Panics
    ///
    /// Panics outside of a tokio runtime.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the record may have been written. It then expires after its ttl.
    pub async fn register(&self, node: Node, ttl: Duration) -> Result<Registration> {
        node.check()?;
        if ttl.is_zero() {
            return Err(Error::invalid_argument(format!(
                "node `{}` cannot live for a ttl of 0, give it some seconds",
                node.id
            )));
        }
        self.write(&node, ttl).await?;
        tracing::info!(
            registry = self.scheme(),
            service = node.service,
            node = node.id,
            address = node.address,
            "registered"
        );
        Ok(Registration::start(self.clone(), node, ttl))
    }

    pub(super) async fn write(&self, node: &Node, ttl: Duration) -> Result<()> {
        let written = self.backend.register(node.clone(), ttl).await;
        written.map_err(|e| self.with_context(e, format_args!("register `{}`", node.id)))
    }

    pub(super) async fn remove(&self, node: &Node) -> Result<()> {
        check_service(&node.service)?;
        let struck = self.backend.deregister(node).await;
        struck.map_err(|e| self.with_context(e, format_args!("deregister `{}`", node.id)))
    }

    fn with_context(&self, error: Error, what: fmt::Arguments<'_>) -> Error {
        error.context(format_args!("registry `{}`: cannot {what}", self.scheme()))
    }
}

impl FromApp for Registry {
    fn from_app(app: &Resources) -> Result<Self> {
        Ok((*app.get::<Self>()?).clone())
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry")
            .field("scheme", &self.scheme())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use micro_message::error::ErrorKind;

    struct Silent;

    impl Backend for Silent {
        fn scheme(&self) -> &'static str {
            "silent"
        }

        fn capabilities(&self) -> Capabilities {
            Capabilities::NONE
        }

        async fn register(&self, _node: Node, _ttl: Duration) -> Result<()> {
            std::future::pending().await
        }

        async fn deregister(&self, _node: &Node) -> Result<()> {
            std::future::pending().await
        }

        async fn lookup(&self, _service: &str) -> Result<Vec<Node>> {
            Err(Error::unavailable("nobody answers"))
        }

        async fn list(&self) -> Result<Vec<Node>> {
            std::future::pending().await
        }

        async fn watch(&self, _service: &str) -> Result<Watch> {
            std::future::pending().await
        }
    }

    #[tokio::test(start_paused = true)]
    async fn silent_backend_is_given_up_with_context() {
        let registry = Registry::new(Silent);
        let error = registry.list().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::DeadlineExceeded);
        assert_eq!(
            error.to_string(),
            "registry `silent`: cannot list nodes: no answer within 5s"
        );
        let error = registry.lookup("greeter").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert_eq!(
            error.to_string(),
            "registry `silent`: cannot look up `greeter`: nobody answers"
        );
    }
}
