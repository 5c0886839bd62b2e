//! `Subscription`: a subscriber that lives as long as its guard.

use std::fmt;
use std::task::{Context, Waker};
use std::time::Duration;

use crate::handle::Broker;
use crate::inbox::Inbox;
use micro_core::handler::BoxFuture;
use micro_message::error::Result;

/// A subscriber. Dropped, it ends at once and gives back what it has not handled;
/// [`close`](Self::close) ends it in order.
#[must_use = "the subscriber ends when this is dropped"]
pub struct Subscription {
    broker: Broker,
    inbox: Inbox,
    /// Whether there is still something to end.
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

    /// Waits until every event that was taken is handled.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn idle(&self) {
        self.inbox.idle().await;
    }

    /// Takes no new events; those taken go on. For publishers to notice before
    /// [`close`](Self::close).
    ///
    /// # Errors
    ///
    /// What the backend reports; the subscription has ended here all the same.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn leave(&self) -> Result<()> {
        self.broker.unsubscribe(&self.inbox).await
    }

    /// Takes no new events, finishes those that are being handled within `grace`, gives the others
    /// back: to other members of the queue, or else they become dead letters.
    ///
    /// # Errors
    ///
    /// What the backend reports; the subscription has ended here all the same.
    ///
    /// # Cancel safety
    ///
    /// When cancelled the rest ends at once.
    pub async fn close(mut self, grace: Duration) -> Result<()> {
        let left = self.leave().await;
        self.inbox.drain(grace).await;
        self.open = false;
        // Now that it is closed, the backend forgets it.
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
        // At once where nobody has to be asked. Else others are told by a task that ends by
        // itself; without a runtime they find out when the registration's ttl is over.
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
