//! [`Publisher`]: publishes events of one type; held by services.

use std::borrow::Borrow;
use std::fmt;
use std::marker::PhantomData;

use crate::handle::Broker;
use crate::publish::Publish;
use micro_core::handler::{FromApp, Resources};
use micro_message::codec::Topic;
use micro_message::error::Result;

/// Publishes events of one type. The app injects it into fields and parameters.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> micro::Result<()> {
/// use micro::broker::{Broker, Publisher};
///
/// #[micro::message(topic = "orders.made")]
/// struct Made {
///     order: u64,
/// }
///
/// let made = Publisher::<Made>::new(Broker::open("memory://")?);
/// made.publish(Made { order: 7 }).key("7").await?;
/// # Ok(()) }
/// ```
pub struct Publisher<T> {
    broker: Broker,
    event: PhantomData<fn(T)>,
}

impl<T: Topic> FromApp for Publisher<T> {
    fn from_app(app: &Resources) -> Result<Self> {
        Ok(Self::new(Broker::from_app(app)?))
    }
}

impl<T: Topic> Publisher<T> {
    /// Creates a publisher that uses the given broker.
    pub fn new(broker: Broker) -> Self {
        Self {
            broker,
            event: PhantomData,
        }
    }

    /// Publishes an event, passed by value or by reference. Await the returned value to publish.
    pub fn publish(&self, event: impl Borrow<T>) -> Publish {
        self.broker.publish(event.borrow())
    }

    /// Returns the broker.
    pub fn broker(&self) -> &Broker {
        &self.broker
    }
}

impl<T> Clone for Publisher<T> {
    fn clone(&self) -> Self {
        Self {
            broker: self.broker.clone(),
            event: PhantomData,
        }
    }
}

impl<T: Topic> fmt::Debug for Publisher<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Publisher")
            .field("topic", &T::TOPIC)
            .finish_non_exhaustive()
    }
}
