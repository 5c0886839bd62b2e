//! The [`Backend`] trait that authors of brokers implement, and its object-safe counterpart.
//!
//! A backend carries events from publishers to inboxes. The [`Inbox`] implements order, retries,
//! deduplication, delays and dead letters, in the same way for every backend.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::dead_letter::DeadLetter;
use crate::inbox::Inbox;
use crate::record::{Event, HostInfo};
use micro_core::handler::Served;
use micro_message::error::Result;

/// Transport of events from publishers to subscribers.
pub trait Backend: Send + Sync + 'static {
    /// Returns the URL scheme that opens the backend. It is also the backend's name in logs and
    /// errors.
    fn scheme(&self) -> &'static str;

    /// Returns the capabilities of the backend.
    fn capabilities(&self) -> Capabilities;

    /// Passes the process's registry and, once the server listens, its address to the backend.
    ///
    /// The broker calls this first with the registry only and again when the address is known. A
    /// backend that connects to a server of its own can ignore it.
    ///
    /// # Errors
    ///
    /// Fails if the backend's subscribers cannot be registered.
    fn attach(&self, _host: &HostInfo) -> impl Future<Output = Result<()>> + Send {
        async { Ok(()) }
    }

    /// Returns the services through which a backend without a server of its own receives events.
    ///
    /// The app serves their methods on its own port, next to its own services. These services are
    /// not registered, and wraps do not apply to them.
    ///
    /// An app without services of its own still listens if it has subscribers and this list is not
    /// empty.
    fn services(&self) -> Vec<Served> {
        Vec::new()
    }

    /// Called when code in this process requests a handle for publishing. A backend that must
    /// discover subscribers first can start to do so.
    fn will_publish(&self) {}

    /// Sets the sink for events that were accepted but whose last subscriber has ended.
    fn undelivered(&self, _keep: DeadLetterSink) {}

    /// Delivers the events, in this order, to every queue and plain subscriber of their topics.
    ///
    /// Returns the number of queues and plain subscribers that accepted each event, once the last
    /// one has accepted.
    ///
    /// # Errors
    ///
    /// Fails if an event was not accepted by the deadline. The error names the event and the queue
    /// or subscriber that did not accept it.
    fn publish(
        &self,
        events: Vec<Event>,
        deadline: Instant,
    ) -> impl Future<Output = Result<Vec<usize>>> + Send;

    /// Starts to deliver matching events to `inbox`.
    fn subscribe(&self, inbox: Inbox) -> impl Future<Output = Result<()>> + Send;

    /// Hides the inbox from publishers. Events that it has accepted are still handled.
    ///
    /// Called again once the inbox is closed; the backend then removes it.
    fn unsubscribe(&self, inbox: &Inbox) -> impl Future<Output = Result<()>> + Send;

    /// Waits up to `grace` until all events published by this process have an outcome. Returns the
    /// number of deliveries that have none.
    fn flush(&self, grace: Duration) -> impl Future<Output = usize> + Send;
}

/// Function that stores a dead letter.
pub type DeadLetterSink = Arc<dyn Fn(DeadLetter) + Send + Sync>;

/// Capabilities of a backend. Operations that it does not support fail with `Unimplemented`.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts, not the states of a machine"
)]
pub struct Capabilities {
    /// `publish` returns once every queue and subscriber accepted the event; its error names those
    /// that did not.
    pub confirms: bool,
    /// Events with the same key are delivered in order to one member of a queue.
    pub keys: bool,
    /// Events that a member had not handled when it ended are delivered to another member.
    pub redelivers: bool,
    /// Subscribers may use patterns.
    pub patterns: bool,
    /// Events reach subscribers in other processes.
    pub remote: bool,
}

impl Capabilities {
    /// All capabilities.
    pub const ALL: Self = Self {
        confirms: true,
        keys: true,
        redelivers: true,
        patterns: true,
        remote: true,
    };
    /// No capabilities: the backend carries events without any guarantee.
    pub const NONE: Self = Self {
        confirms: false,
        keys: false,
        redelivers: false,
        patterns: false,
        remote: false,
    };

    /// Sets [`confirms`](Self::confirms).
    pub const fn with_confirms(mut self, yes: bool) -> Self {
        self.confirms = yes;
        self
    }

    /// Sets [`keys`](Self::keys).
    pub const fn with_keys(mut self, yes: bool) -> Self {
        self.keys = yes;
        self
    }

    /// Sets [`redelivers`](Self::redelivers).
    pub const fn with_redelivers(mut self, yes: bool) -> Self {
        self.redelivers = yes;
        self
    }

    /// Sets [`patterns`](Self::patterns).
    pub const fn with_patterns(mut self, yes: bool) -> Self {
        self.patterns = yes;
        self
    }

    /// Sets [`remote`](Self::remote).
    pub const fn with_remote(mut self, yes: bool) -> Self {
        self.remote = yes;
        self
    }
}

pub(super) type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Object-safe counterpart of [`Backend`], held by the handle.
pub(super) trait Erased: Send + Sync {
    fn capabilities(&self) -> Capabilities;
    fn services(&self) -> Vec<Served>;
    fn will_publish(&self);
    fn attach<'a>(&'a self, host: &'a HostInfo) -> BoxFuture<'a, Result<()>>;
    fn publish(&self, events: Vec<Event>, deadline: Instant) -> BoxFuture<'_, Result<Vec<usize>>>;
    fn subscribe(&self, inbox: Inbox) -> BoxFuture<'_, Result<()>>;
    fn unsubscribe<'a>(&'a self, inbox: &'a Inbox) -> BoxFuture<'a, Result<()>>;
    fn flush(&self, grace: Duration) -> BoxFuture<'_, usize>;
}

impl<B: Backend> Erased for B {
    fn capabilities(&self) -> Capabilities {
        Backend::capabilities(self)
    }

    fn services(&self) -> Vec<Served> {
        Backend::services(self)
    }

    fn will_publish(&self) {
        Backend::will_publish(self);
    }

    fn attach<'a>(&'a self, host: &'a HostInfo) -> BoxFuture<'a, Result<()>> {
        Box::pin(Backend::attach(self, host))
    }

    fn publish(&self, events: Vec<Event>, deadline: Instant) -> BoxFuture<'_, Result<Vec<usize>>> {
        Box::pin(Backend::publish(self, events, deadline))
    }

    fn subscribe(&self, inbox: Inbox) -> BoxFuture<'_, Result<()>> {
        Box::pin(Backend::subscribe(self, inbox))
    }

    fn unsubscribe<'a>(&'a self, inbox: &'a Inbox) -> BoxFuture<'a, Result<()>> {
        Box::pin(Backend::unsubscribe(self, inbox))
    }

    fn flush(&self, grace: Duration) -> BoxFuture<'_, usize> {
        Box::pin(Backend::flush(self, grace))
    }
}
