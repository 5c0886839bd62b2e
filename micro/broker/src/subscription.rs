//! [`Subscription`]: guard that keeps a subscriber alive.

use std::fmt;
use std::task::{Context, Waker};
use std::time::Duration;

use crate::handle::Broker;
use crate::inbox::Inbox;
use micro_core::handler::BoxFuture;
use micro_message::error::Result;

/// Guard of a subscriber. If dropped, the subscriber ends immediately and returns the events that
/// it has not handled. [`close`](Self::close) ends it gracefully.
#[must_use = "the subscriber ends when this is dropped"]
pub struct Subscription {
    broker: Broker,
    inbox: Inbox,
    /// Whether the subscriber still has to be ended on drop.
    open: bool,
}

impl Subscription {
    pub(super) fn new(broker: Broker, inbox: Inbox) -> Self {
        Self {
            broker,
            inbox,
            open: true,
        }
    }

    /// Waits until every accepted event is handled.
    ///
    /// # Cancel safety
    ///
    /// This method is cancel safe.
    pub async fn idle(&self) {
        self.inbox.idle().await;
    }

    /// Hides the subscriber from publishers. Accepted events are still handled. Call this some time
    /// before [`close`](Self::close), so that publishers notice.
    ///
    /// # Errors
    ///
    /// Returns the backend's error. The subscription has ended locally all the same.
    ///
    /// # Cancel safety
    ///
    /// This method is cancel safe.
    pub async fn leave(&self) -> Result<()> {
        self.broker.unsubscribe(&self.inbox).await
    }

    /// Stops accepting events, finishes the events being handled within `grace`, and returns the
    /// rest.
    ///
    /// Returned events are delivered to other members of the queue. Without another member, they
    /// become dead letters.
    ///
    /// # Errors
    ///
    /// Returns the backend's error. The subscription has ended locally all the same.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the remaining work is aborted.
    pub async fn close(mut self, grace: Duration) -> Result<()> {
        let left = self.leave().await;
        self.inbox.drain(grace).await;
        self.open = false;
        // The inbox is closed now, so the backend removes it.
        let forgotten = self.leave().await;
        left.and(forgotten)
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        if !self.open {
            return;
        }
        self.inbox.abort();
        let (broker, inbox) = (self.broker.clone(), self.inbox.clone());
        let mut ending: BoxFuture<'static, ()> = Box::pin(async move {
            if let Err(error) = broker.unsubscribe(&inbox).await {
                tracing::warn!(%error, "subscription not ended in order");
            }
        });
        // A backend that unsubscribes without waiting completes in this poll. Otherwise a task
        // finishes it in the background. Without a runtime, publishers notice the end when the
        // registration's ttl expires.
        let mut nobody = Context::from_waker(Waker::noop());
        if ending.as_mut().poll(&mut nobody).is_pending()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(ending);
        }
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription")
            .field("inbox", &self.inbox)
            .finish_non_exhaustive()
    }
}
