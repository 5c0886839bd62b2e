//! Topics: events are published, and each queue and subscriber of the topic gets them.
//!
//! [`Broker`] is what users hold; [`Backend`] is what authors of another broker implement. An
//! event that a subscriber took is handled, given to another member of its queue, or kept as a
//! [`DeadLetter`]: it never disappears in silence. Events live in memory; what has to survive the
//! end of all processes belongs into a durable stream.

#[doc(inline)]
pub use micro_broker::*;
#[cfg(feature = "http")]
#[doc(inline)]
pub use micro_http::Http;
