//! `Publish`: one event on its way, to be awaited, with its options.

use std::fmt;
use std::future::IntoFuture;
use std::pin::Pin;
use std::time::Duration;

use tokio::time::Instant;

use crate::handle::Broker;
use crate::record::Event;
use micro_core::context::{Context, deadline_after};
use micro_message::error::Result;

/// One event to be published: awaited, it is.
///
/// It returns when every queue and plain subscriber that the topic has now took the event; what
/// "has now" means while the registry is wrong is told at [`Broker::publish`].
///
/// # Errors
///
/// `ResourceExhausted` names the subscriber that was full until the deadline, `Unavailable` the one
/// that could not be reached. Others may have taken the event: publish it again under the same
/// [`id`](Self::id), and those who have it will not handle it twice.
///
/// # Cancel safety
///
/// When cancelled, some may have taken the event.
#[must_use = "an event is published when this is awaited"]
pub struct Publish {
    broker: Broker,
    event: Result<Event>,
    timeout: Duration,
}

/// Who took an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Published {
    /// How many queues and plain subscribers did. 0: nobody subscribes, see [`Broker::publish`].
    pub taken: usize,
}

impl Publish {
    pub(super) fn new(broker: Broker, event: Result<Event>, timeout: Duration) -> Self {
        Self {
            broker,
            event,
            timeout,
        }
    }

    /// Sets the key: events of one key are handled in the order of publishing.
    pub fn key(self, key: impl Into<String>) -> Self {
        self.change(|event| event.key = Some(key.into()))
    }

    /// Sets the id: a subscriber handles two events of one id once. Default random.
    pub fn id(self, id: impl Into<String>) -> Self {
        self.change(|event| event.id = id.into())
    }

    /// Sets how long after it was taken the event is to be handled. It may then be overtaken.
    pub fn delay(self, delay: Duration) -> Self {
        self.change(|event| event.delay = delay)
    }

    /// Adds metadata; what cannot be metadata is told when this is awaited.
    pub fn metadata(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.event = self.event.and_then(|mut event| {
            event.metadata.append(key.into(), value.into())?;
            Ok(event)
        });
        self
    }

    /// Sets how long publishing may take; default that of the broker, 10 s. What the publisher
    /// handles itself may set an earlier deadline. A process that takes the event and does not
    /// answer is waited for a second longer, to hear what became of it.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    fn change(mut self, change: impl FnOnce(&mut Event)) -> Self {
        if let Ok(event) = &mut self.event {
            change(event);
        }
        self
    }
}

impl IntoFuture for Publish {
    type Output = Result<Published>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        let deadline = Context::current()
            .unwrap_or_default()
            .with_timeout(self.timeout)
            .deadline()
            .unwrap_or_else(|| deadline_after(Instant::now(), self.timeout));
        Box::pin(async move {
            let counts = self.broker.send(vec![self.event?], deadline).await?;
            let taken = counts.first().copied().unwrap_or_default();
            Ok(Published { taken })
        })
    }
}

impl fmt::Debug for Publish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Publish")
            .field("event", &self.event)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
