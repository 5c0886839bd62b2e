//! The broker: publishes events to topics. Each queue and each subscriber of a topic receives them.
//!
//! [`Broker`] is the handle that users hold. Authors of another broker implement [`Backend`]. An
//! event that a subscriber has taken is handled, given to another member of its queue, or kept as a
//! [`DeadLetter`]. It is never dropped silently. Events live in memory. Events that must survive
//! the end of all processes belong in a durable stream.
//!
//! # Examples
//!
//! In an app, the attribute [`subscribe`](macro@crate::subscribe) and an injected [`Publisher`] do
//! the following. By hand:
//!
//! ```
//! use micro::broker::{Broker, Delivery, Event, Options};
//!
//! #[tokio::main]
//! async fn main() -> micro::Result<()> {
//!     let broker = Broker::open("memory://")?;
//!     let options = Options::new().queue("billing").retries(5);
//!     let subscription = broker
//!         .subscribe("orders.*", options, |delivery: Delivery| async move {
//!             println!("{} bytes about {}", delivery.event().body.len(), delivery.topic());
//!             Ok(())
//!         })
//!         .await?;
//!
//!     let event = Event::raw("orders.placed", "text/plain", "an apple")?;
//!     assert_eq!(broker.publish_event(event).await?.taken, 1);
//!     assert_eq!(broker.flush(std::time::Duration::from_secs(5)).await, 0);
//!     subscription.close(std::time::Duration::from_secs(5)).await;
//!     Ok(())
//! }
//! ```

#[doc(inline)]
pub use micro_broker::*;
#[cfg(feature = "http")]
#[doc(inline)]
pub use micro_http::Http;
