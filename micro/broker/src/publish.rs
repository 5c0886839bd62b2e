//! [`Publish`]: a future that publishes one event, with its options.

use std::fmt;
use std::future::IntoFuture;
use std::pin::Pin;
use std::time::Duration;

use tokio::time::Instant;

use crate::handle::Broker;
use crate::record::Event;
use micro_core::context::{Context, deadline_after};
use micro_message::error::Result;

/// One event to be published. Await this value to publish the event.
///
/// The future completes when every queue and plain subscriber that the topic currently has accepted
/// the event. [`Broker::publish`] describes which subscribers count when the registry is outdated.
///
/// # Errors
///
/// `ResourceExhausted` names the subscriber that had no room until the deadline. `Unavailable`
/// names the subscriber that could not be reached. Other subscribers may have accepted the event.
/// To retry, publish the event with the same [`id`](Self::id); subscribers that have it do not
/// handle it again.
///
/// # Cancel safety
///
/// If the future is dropped, some subscribers may have accepted the event.
#[must_use = "an event is published when this is awaited"]
pub struct Publish {
    broker: Broker,
    event: Result<Event>,
    timeout: Duration,
}

/// Result of a publish operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Published {
    /// Number of queues and plain subscribers that accepted the event. 0 means that the topic has
    /// no subscribers, see [`Broker::publish`].
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

    /// Sets the key. Events with the same key are handled in the order of publishing.
    pub fn key(self, key: impl Into<String>) -> Self {
        self.change(|event| event.key = Some(key.into()))
    }

    /// Sets the id. A subscriber handles events with the same id once. Default: a random id.
    pub fn id(self, id: impl Into<String>) -> Self {
        self.change(|event| event.id = id.into())
    }

    /// Sets the delay between acceptance and handling of the event. Later events may overtake it.
    pub fn delay(self, delay: Duration) -> Self {
        self.change(|event| event.delay = delay)
    }

    /// Adds metadata. An invalid key or value is reported as an error when this value is awaited.
    pub fn metadata(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.event = self.event.and_then(|mut event| {
            event.metadata.append(key.into(), value.into())?;
            Ok(event)
        });
        self
    }

    /// Sets the timeout. Default: the broker's timeout, 10 s.
    ///
    /// If the event is published by a handler, the handler's own deadline may be earlier and then
    /// applies. If a process received the event but has not answered at the deadline, the publisher
    /// waits for its answer for one more second.
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
