//! Topics: events are published, and each queue and subscriber of the topic gets them.
//!
//! [`Broker`] is what users hold; [`Backend`] is what authors of another broker implement. An
//! event that a subscriber took is handled, given to another member of its queue, or kept as a
//! [`DeadLetter`]: it never disappears in silence. Events live in memory; what has to survive the
//! end of all processes belongs into a durable stream.
//!
//! # Examples
//!
//! In an app the attribute [`subscribe`](macro@crate::subscribe) and an injected [`Publisher`] do
//! this; by hand:
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
