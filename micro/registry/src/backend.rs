//! The trait that backends implement, and its object-safe twin.
//!
//! A backend does not check names, apply timeouts, log, or add context to errors. The handle does.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use crate::record::Node;
use crate::watch::Watch;
use micro_message::error::Result;

/// A registry of nodes, such as a directory, a server or the local network.
///
/// A backend restores its own connections. An operation fails while the registry cannot be reached,
/// and a later one may succeed. A watch recovers by itself.
pub trait Backend: Send + Sync + 'static {
    /// The URL scheme that opens this backend. It is also the backend's name in logs and errors.
    fn scheme(&self) -> &'static str;

    /// The features that this backend supports.
    fn capabilities(&self) -> Capabilities;

    /// Registers a node for `ttl` from now. Registering the same id again renews and updates the
    /// record.
    fn register(&self, node: Node, ttl: Duration) -> impl Future<Output = Result<()>> + Send;

    /// Removes a node. Removing a node that is not registered succeeds.
    fn deregister(&self, node: &Node) -> impl Future<Output = Result<()>> + Send;

    /// The live nodes of one service. The list is empty for an unknown service.
    fn lookup(&self, service: &str) -> impl Future<Output = Result<Vec<Node>>> + Send;

    /// The live nodes of all services.
    fn list(&self) -> impl Future<Output = Result<Vec<Node>>> + Send;

    /// Watches the nodes of one service.
    fn watch(&self, service: &str) -> impl Future<Output = Result<Watch>> + Send;
}

/// The features of a backend. Operations that it does not support return `Unimplemented`, unless a
/// field says otherwise.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts, not the states of a machine"
)]
pub struct Capabilities {
    /// Whether nodes can be registered. If not, the list is maintained elsewhere and `register`
    /// succeeds without an effect.
    pub register: bool,
    /// Whether a node without a heartbeat disappears after its ttl.
    pub ttl: bool,
    /// Whether the nodes of all services can be listed.
    pub list: bool,
    /// Whether a node's metadata and methods are kept.
    pub details: bool,
}

impl Capabilities {
    /// All features.
    pub const ALL: Self = Self {
        register: true,
        ttl: true,
        list: true,
        details: true,
    };
    /// No optional feature: only `lookup` and `watch` are supported.
    pub const NONE: Self = Self {
        register: false,
        ttl: false,
        list: false,
        details: false,
    };

    /// Sets [`register`](Self::register).
    pub const fn with_register(mut self, yes: bool) -> Self {
        self.register = yes;
        self
    }

    /// Sets [`ttl`](Self::ttl).
    pub const fn with_ttl(mut self, yes: bool) -> Self {
        self.ttl = yes;
        self
    }

    /// Sets [`list`](Self::list).
    pub const fn with_list(mut self, yes: bool) -> Self {
        self.list = yes;
        self
    }

    /// Sets [`details`](Self::details).
    pub const fn with_details(mut self, yes: bool) -> Self {
        self.details = yes;
        self
    }
}

pub(super) type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Object-safe twin of [`Backend`], held by the handle.
pub(super) trait Erased: Send + Sync {
    fn capabilities(&self) -> Capabilities;
    fn register(&self, node: Node, ttl: Duration) -> BoxFuture<'_, Result<()>>;
    fn deregister<'a>(&'a self, node: &'a Node) -> BoxFuture<'a, Result<()>>;
    fn lookup<'a>(&'a self, service: &'a str) -> BoxFuture<'a, Result<Vec<Node>>>;
    fn list(&self) -> BoxFuture<'_, Result<Vec<Node>>>;
    fn watch<'a>(&'a self, service: &'a str) -> BoxFuture<'a, Result<Watch>>;
}

impl<B: Backend> Erased for B {
    fn capabilities(&self) -> Capabilities {
        Backend::capabilities(self)
    }

    fn register(&self, node: Node, ttl: Duration) -> BoxFuture<'_, Result<()>> {
        Box::pin(Backend::register(self, node, ttl))
    }

    fn deregister<'a>(&'a self, node: &'a Node) -> BoxFuture<'a, Result<()>> {
        Box::pin(Backend::deregister(self, node))
    }

    fn lookup<'a>(&'a self, service: &'a str) -> BoxFuture<'a, Result<Vec<Node>>> {
        Box::pin(Backend::lookup(self, service))
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<Node>>> {
        Box::pin(Backend::list(self))
    }

    fn watch<'a>(&'a self, service: &'a str) -> BoxFuture<'a, Result<Watch>> {
        Box::pin(Backend::watch(self, service))
    }
}
