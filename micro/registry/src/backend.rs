//! What backend authors implement, and its object-safe twin.
//!
//! Checks nothing and limits nothing: names, time limits, logs and error context are the handle's.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use crate::record::Node;
use crate::watch::Watch;
use micro_message::error::Result;

/// A place where nodes are written down and found.
///
/// A backend repairs its own connections: an operation fails when the place cannot be reached just
/// now, and a later one may work again; a watch goes on by itself.
pub trait Backend: Send + Sync + 'static {
    /// The URL scheme that opens it, which is also its name in logs and errors.
    fn scheme(&self) -> &'static str;

    /// What it can do.
    fn capabilities(&self) -> Capabilities;

    /// Writes a node down for `ttl` from now; again with the same id is a heartbeat and an update.
    fn register(&self, node: Node, ttl: Duration) -> impl Future<Output = Result<()>> + Send;

    /// Strikes a node out; one that is not there is no error.
    fn deregister(&self, node: &Node) -> impl Future<Output = Result<()>> + Send;

    /// The live nodes of one service; an unknown service has none.
    fn lookup(&self, service: &str) -> impl Future<Output = Result<Vec<Node>>> + Send;

    /// The live nodes of all services.
    fn list(&self) -> impl Future<Output = Result<Vec<Node>>> + Send;

    /// The nodes of one service as they change.
    fn watch(&self, service: &str) -> impl Future<Output = Result<Watch>> + Send;
}

/// What a backend can do. What it cannot is `Unimplemented`, unless said otherwise here.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts, not the states of a machine"
)]
pub struct Capabilities {
    /// Nodes can be registered. Where they cannot, the list is made elsewhere and `register`
    /// changes nothing.
    pub register: bool,
    /// A node that is not heard of within its ttl disappears.
    pub ttl: bool,
    /// All nodes of all services can be listed.
    pub list: bool,
    /// Metadata and methods survive.
    pub details: bool,
}

impl Capabilities {
    /// A backend that can do everything.
    pub const ALL: Self = Self {
        register: true,
        ttl: true,
        list: true,
        details: true,
    };
    /// A backend that answers `lookup` and `watch` only.
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

/// The twin of [`Backend`] that the handle holds.
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
