//! What backend authors implement, and its object-safe twin.
//!
//! Order, retries, deduplication, delays and dead letters are the inbox's, the same for every
//! backend; a backend carries events from publishers to inboxes.

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

/// A way from publishers to subscribers.
pub trait Backend: Send + Sync + 'static {
    /// The URL scheme that opens it, which is also its name in logs and errors.
    fn scheme(&self) -> &'static str;

    /// What it can do.
    fn capabilities(&self) -> Capabilities;

    /// Tells it where it is: at once which registry there is, later the process's address. A
    /// backend that has a server of its own need not care.
    ///
    /// # Errors
    ///
    /// What keeps its subscribers from being found.
    fn attach(&self, _host: &HostInfo) -> impl Future<Output = Result<()>> + Send {
        async { Ok(()) }
    }

    /// Services through which it takes events in, for a backend without a server of its own. The
    /// app answers their methods on its port, beside its own services; they are not registered and
    /// no wrap surrounds them.
    ///
    /// An app without any services listens nevertheless when it has subscribers and its broker has
    /// services.
    fn services(&self) -> Vec<Served> {
        Vec::new()
    }

    /// Something in this process has asked for a handle to publish with: a backend that has to
    /// find subscribers first may begin.
    fn will_publish(&self) {}

    /// Where it puts events that nobody is left for, after it had said that they were taken.
    fn undelivered(&self, _keep: DeadLetterSink) {}

    /// Hands events, in this order, to every queue and plain subscriber that their topics have
    /// now; returns how many took each when the last one has.
    ///
    /// # Errors
    ///
    /// Names who did not take which event by the deadline.
    fn publish(
        &self,
        events: Vec<Event>,
        deadline: Instant,
    ) -> impl Future<Output = Result<Vec<usize>>> + Send;

    /// Feeds an inbox from now on.
    fn subscribe(&self, inbox: Inbox) -> impl Future<Output = Result<()>> + Send;

    /// Lets no new publisher find an inbox; what it has taken is still settled. Called again when
    /// the inbox is closed, to forget it.
    fn unsubscribe(&self, inbox: &Inbox) -> impl Future<Output = Result<()>> + Send;

    /// Waits until what was published from here is settled, for at most `grace`; returns how much
    /// is not.
    fn flush(&self, grace: Duration) -> impl Future<Output = usize> + Send;
}

/// Keeps a dead letter.
pub type DeadLetterSink = Arc<dyn Fn(DeadLetter) + Send + Sync>;

/// What a backend can do. What it cannot is `Unimplemented`.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts, not the states of a machine"
)]
pub struct Capabilities {
    /// `publish` returns when every queue and subscriber took the event, and names who did not.
    pub confirms: bool,
    /// Events of one key reach one member of a queue, in order.
    pub keys: bool,
    /// What a member had not handled when it ended goes to another member.
    pub redelivers: bool,
    /// Subscribers may have patterns.
    pub patterns: bool,
    /// Subscribers of other processes are reached.
    pub remote: bool,
}

impl Capabilities {
    /// A backend that can do everything.
    pub const ALL: Self = Self {
        confirms: true,
        keys: true,
        redelivers: true,
        patterns: true,
        remote: true,
    };
    /// A backend that carries events and promises nothing.
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

/// The twin of [`Backend`] that the handle holds.
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
